"""A skip is said, and in CI it is a failure: a suite that skipped everything must not look like one that passed."""

import os
import shutil
import sys
import tempfile
import types

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from apiserver import API_SERVER, KUBECTL, etcd  # noqa: E402
from authority import Authority  # noqa: E402

skipped = []
CI = os.environ.get("CI", "").lower() not in ("", "0", "false", "no")


def pytest_addoption(parser):
    parser.addoption("--kube-apiserver", action="store_true",
                     help="also the tests against a real kube-apiserver, which real-parts/run then builds")


def pytest_collection_modifyitems(config, items):
    """Minutes of building are not for everyone: without the option these tests are left out, which is no skip."""
    if not config.getoption("--kube-apiserver"):
        left_out = [item for item in items if item.get_closest_marker("kube_apiserver")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_runtest_logreport(report):
    if report.skipped:
        skipped.append(report.nodeid)


def pytest_sessionfinish(session, exitstatus):
    if skipped and CI and exitstatus == 0:
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter):
    if skipped and CI:
        terminalreporter.write_line(f"{len(skipped)} skipped, which is a failure in CI")


def need(command):
    path = shutil.which(command) or shutil.which(command, path="/usr/sbin:/usr/local/sbin")
    if not path:
        pytest.skip(f"{command} is not installed")
    return path


@pytest.fixture(scope="session")
def nginx():
    return need("nginx")


@pytest.fixture(scope="session")
def node():
    if not os.path.isdir(os.path.join(os.path.dirname(__file__), "..", "provider", "node_modules", "oidc-provider")):
        pytest.skip("the npm package oidc-provider is not installed")
    return need("node")


@pytest.fixture(scope="session")
def curl():
    return need("curl")


@pytest.fixture(scope="session")
def chromium():
    return need("chromium"), need("chromedriver")


@pytest.fixture(scope="session")
def kubernetes():
    """What every API server of a run shares: a directory, an authority, and an etcd."""
    if not (API_SERVER.exists() and KUBECTL.exists()):
        pytest.skip("kube-apiserver is not built: real-parts/kube-apiserver/build")
    with tempfile.TemporaryDirectory(prefix="gangplank-kubernetes-") as directory, etcd(need("etcd"), directory) as url:
        yield types.SimpleNamespace(directory=directory, authority=Authority(directory, "cluster"), etcd=url)

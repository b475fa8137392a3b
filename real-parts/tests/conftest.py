"""A skip is said, and in CI it is a failure: a suite that skipped everything must not look like one that passed."""

import os
import shutil
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))
skipped = []
CI = os.environ.get("CI", "").lower() not in ("", "0", "false", "no")


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

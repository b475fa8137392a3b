"""kubectl through the gate, in each way in which a cluster can be spoken to. The API server is our own and judges every header
(`fake_apiserver.py`); the callers' tokens are the dev tenant's."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import types

import msal
import pytest

from authority import Authority
from deployments import API_APP, CREW, SECRETS, TENANT_ID, WEB_APP, tenant
from fake_apiserver import ApiServer, by_impersonation, by_our_own, by_token
from machines import claims_of, sign_in
from parts import BINARY, Browser, Process, eventually, free_port, listening

KUBECTL = shutil.which("kubectl", path=str(pathlib.Path(sys.executable).parent)) or shutil.which("kubectl")
OWN = "of-the-gate-0123456789"
MODES = {"impersonate": "", "passthrough": f'token_audiences = ["{API_APP}"]', "kubeconfig": 'auth_mode = "kubeconfig"'}

CONFIG_MAP = "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: default}, data: {a: '%s'}}"


@contextlib.contextmanager
def people(directory):
    """The dev tenant over TLS. Yields `.token(user)`, `.base` and `.ca`."""
    ca = f"{directory}/tenant-ca.crt"
    with tenant(directory, "--tls", "--ca-out", ca) as process, pytest.MonkeyPatch.context() as patch:
        for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            patch.setenv(variable, ca)
        authority = f"https://localhost:{process.base.rsplit(':', 1)[1]}/{TENANT_ID}"
        kept = {}

        def token(user):
            if user not in kept:
                app = msal.ConfidentialClientApplication(
                    WEB_APP, client_credential="loopback-secret", authority=authority, instance_discovery=False)
                kept[user] = sign_in(app, user, ["api://crew/access_as_user"])["access_token"]
            return kept[user]

        yield types.SimpleNamespace(token=token, base=process.base, ca=ca)


@contextlib.contextmanager
def gate(directory, authority, people, clusters, route):
    """A gate with TLS of its own and these clusters. `.base` is its URL, `.port` where it can be asked."""
    port, metrics = free_port(), free_port()
    certificate, key = authority.server("gate")
    path = pathlib.Path(directory) / "gangplank.toml"
    path.write_text(textwrap.dedent(f"""
        [gate]
        listen = "127.0.0.1:{port}"
        public_url = "https://127.0.0.1:{port}"
        tls = {{ cert = "{certificate}", key = "{key}" }}
        metrics_listen = "127.0.0.1:{metrics}"

        [log]
        format = "json"

        [issuers.corp]
        entra = {{ tenant = "{TENANT_ID}", authority = "{people.base}", graph = "{people.base}/graph" }}
        audiences = ["api://crew", "{API_APP}"]
        ca_file = "{people.ca}"
    """) + clusters + route)
    with Process(BINARY, "serve", "--config", path, env=SECRETS) as process:
        def up():
            if process.child.poll() is not None:
                raise AssertionError(f"the gate ended:\n{process.output()}")
            return listening(port) and listening(metrics)
        eventually("the gate listens", up)
        eventually("the gate is ready", lambda: Browser().request(f"http://127.0.0.1:{metrics}/readyz").status == 200)
        process.base, process.port, process.metrics = f"https://127.0.0.1:{port}", port, metrics
        yield process


def kubeconfig(directory, name, server, authority, **user):
    path = pathlib.Path(directory) / name
    path.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": server, "certificate-authority": str(authority.certificate)}}],
        "users": [{"name": "it", "user": user}] if user else [],
        "contexts": [{"name": "it", "context": {"cluster": "it", "namespace": "default", **({"user": "it"} if user else {})}}]}))
    return path


class Kubectl:
    """kubectl as somebody, by the gate's URL."""

    def __init__(self, directory, server, authority, token):
        self.config = kubeconfig(directory, f"{abs(hash(token))}.kubeconfig", server, authority, token=token)
        self.home = pathlib.Path(directory)

    def command(self, *arguments):
        return [KUBECTL, f"--kubeconfig={self.config}", f"--cache-dir={self.home / 'cache'}", *map(str, arguments)]

    def environment(self, more):
        return {"HOME": str(self.home), "PATH": os.environ["PATH"], **more}

    def __call__(self, *arguments, stdin=None, **more):
        return subprocess.run(self.command(*arguments), input=stdin, text=True, capture_output=True, timeout=60,
                              env=self.environment(more))

    def started(self, *arguments, **more):
        return Process(*self.command(*arguments), env=self.environment(more))


@pytest.fixture(scope="module")
def shared():
    if not KUBECTL:
        pytest.skip("kubectl is not installed")
    with tempfile.TemporaryDirectory(prefix="gangplank-kubectl-") as directory, people(directory) as known:
        yield types.SimpleNamespace(directory=directory, people=known, authority=Authority(directory, "loopback"))


@pytest.fixture(scope="module", params=list(MODES))
def cluster(request, shared):
    """A cluster behind the gate, and two callers: alice of the crew, and mallory."""
    mode, directory = request.param, pathlib.Path(shared.directory) / request.param
    (directory / "pod").mkdir(parents=True)
    tokens = {user: shared.people.token(user) for user in ("alice", "mallory")}
    judge = {"impersonate": by_impersonation(OWN), "kubeconfig": by_our_own(OWN),
             "passthrough": by_token({token: claims_of(token)["preferred_username"] for token in tokens.values()})}[mode]
    admits = lambda user, groups: not user.startswith("mallory")
    certificate, key = shared.authority.server("api")
    own_certificate, own_key = shared.authority.client("gate")
    with ApiServer(certificate, key, shared.authority.certificate, directory / "pod", judge, admits) as api:
        # With a certificate beside the token, which must never be shown with somebody else's token.
        own = kubeconfig(directory, "own.kubeconfig", api.base, shared.authority, **{
            "token": OWN, "client-certificate": str(own_certificate), "client-key": str(own_key)})
        clusters = f'\n[clusters.prod]\nkubeconfig = "{own}"\n{MODES[mode]}\n'
        allow = 'users = ["alice@dev.test"]' if mode == "kubeconfig" else "signed_in = true"
        route = f'\n[[routes]]\npath = "/clusters"\naccept = ["corp"]\nallow.{allow}\nclusters = ["prod"]\n'
        with gate(directory, shared.authority, shared.people, clusters, route) as running:
            server = f"{running.base}/clusters/prod"
            callers = {user: Kubectl(directory, server, shared.authority, token) for user, token in tokens.items()}
            yield types.SimpleNamespace(mode=mode, api=api, gate=running, home=directory / "pod", tokens=tokens,
                                        server=server, authority=shared.authority, directory=directory, **callers)
        assert api.wrong == [], "a header that may not be there"
        assert all(request.certificate == (mode != "passthrough") for _, request in api.seen)
        for token in tokens.values():
            assert token not in running.output()
        assert OWN not in running.output()


def good(done):
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_get_and_apply(cluster):
    before = len(cluster.api.seen)
    assert "web" in good(cluster.alice("get", "pods"))
    expected = "gate" if cluster.mode == "kubeconfig" else "alice@dev.test"
    users = {user for user, _ in cluster.api.seen[before:]}
    assert users == {expected}
    if cluster.mode == "impersonate":
        _, request = cluster.api.seen[-1]
        claims = claims_of(cluster.tokens["alice"])
        assert sorted(request.all("impersonate-group")) == sorted(claims["groups"]) and CREW in claims["groups"]
        assert request.all("impersonate-uid") == [claims["oid"]]
    assert "created" in good(cluster.alice("apply", "--validate=false", "--filename=-", stdin=CONFIG_MAP % "1"))
    assert "configured" in good(cluster.alice("apply", "--validate=false", "--filename=-", stdin=CONFIG_MAP % "2"))
    assert json.loads(good(cluster.alice("get", "configmap", "settings", "--output=json")))["data"] == {"a": "2"}
    assert good(cluster.alice("get", "--raw=/redirect")), "a redirect of the API server's leads back"


def test_who_may_not_may_not(cluster):
    if cluster.mode == "kubeconfig":
        # One caller only: the gate itself lets nobody else in.
        refused = cluster.mallory("get", "pods")
        assert refused.returncode != 0 and "the gate does not admit this caller" in refused.stderr, refused.stderr
        return
    refused = cluster.mallory("get", "pods")
    assert refused.returncode != 0 and 'User "mallory@dev.test" cannot' in refused.stderr, refused.stderr


def test_a_bad_token_is_nobody(cluster):
    before = len(cluster.api.seen)
    token = cluster.tokens["alice"]
    head, payload, signature = token.split(".")
    stranger = Kubectl(cluster.directory, cluster.server, cluster.authority, f"{head}.{payload}.{signature[::-1]}")
    done = stranger("get", "pods")
    assert done.returncode != 0 and "must be logged in" in done.stderr, done.stderr
    # Nor is our own credential one for callers.
    done = Kubectl(cluster.directory, cluster.server, cluster.authority, OWN)("get", "pods")
    assert done.returncode != 0 and "must be logged in" in done.stderr, done.stderr
    assert len(cluster.api.seen) == before


def test_to_act_as_somebody_else_is_refused_and_said(cluster):
    before = len(cluster.api.seen)
    for arguments in (["--as=root"], ["--as=root", "--as-group=system:masters"], ["--as=alice@dev.test", "--as-uid=7"]):
        done = cluster.alice("get", "pods", *arguments)
        assert done.returncode != 0 and "leave --as" in done.stderr, done.stderr
    assert len(cluster.api.seen) == before


def test_watch_tells_at_once(cluster):
    with cluster.alice.started("get", "configmaps", "--watch", "--output=name") as watching:
        eventually("it watches", lambda: cluster.api.watchers)
        name = f"seen-{len(cluster.api.watchers)}"
        good(cluster.alice("apply", "--validate=false", "--filename=-", stdin=(CONFIG_MAP % "1").replace("settings", name)))
        watching.wait_for(f"configmap/{name}")


def test_logs_follow(cluster):
    assert good(cluster.alice("logs", "web")).splitlines() == ["line 1", "line 2", "line 3"]
    with cluster.alice.started("logs", "--follow", "web") as following:
        following.wait_for("^line 12$")


@pytest.mark.parametrize("protocol", ["websocket", "spdy"])
def test_exec(cluster, protocol):
    how = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "true" if protocol == "websocket" else "false"}
    before = len(cluster.api.seen)
    assert good(cluster.alice("exec", "web", "--", "echo", "hello", **how)) == "hello\n"
    text = "".join(f"line {n}\n" for n in range(20_000))
    assert good(cluster.alice("exec", "--stdin", "web", "--", "cat", stdin=text, **how)) == text
    failed = cluster.alice("exec", "web", "--", "sh", "-c", "echo sorry >&2; exit 7", **how)
    assert (failed.returncode, "sorry" in failed.stderr) == (7, True), failed.stderr
    upgrades = {request.one("upgrade").lower() for _, request in cluster.api.seen[before:] if request.one("upgrade")}
    assert upgrades == {"websocket" if protocol == "websocket" else "spdy/3.1"}


@pytest.mark.parametrize("protocol", ["websocket", "spdy"])
def test_cp(cluster, protocol, tmp_path):
    how = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "true" if protocol == "websocket" else "false"}
    content = os.urandom(300_000)
    (tmp_path / "there").write_bytes(content)
    target = cluster.home / f"arrived-{protocol}"
    good(cluster.alice("cp", tmp_path / "there", f"web:{target}", **how))
    assert target.read_bytes() == content
    good(cluster.alice("cp", f"web:{target}", tmp_path / "back", **how))
    assert (tmp_path / "back").read_bytes() == content


def forwarded(kubectl, pod, how):
    """Three connections to a port of the pod, one after the other."""
    with socket.create_server(("127.0.0.1", 0)) as inside:
        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = inside.accept()
                    with connection:
                        connection.sendall(b"from inside: " + connection.recv(100))
        threading.Thread(target=serve, daemon=True).start()
        with kubectl.started("port-forward", pod, f":{inside.getsockname()[1]}", **how) as forwarding:
            port = int(forwarding.wait_for(r"Forwarding from 127\.0\.0\.1:(\d+)").group(1))
            for n in range(3):
                with socket.create_connection(("127.0.0.1", port), 10) as outside:
                    outside.settimeout(10)
                    outside.sendall(b"%d" % n)
                    assert outside.recv(100) == b"from inside: %d" % n
            forwarding.stop(signal.SIGINT)


@pytest.mark.parametrize("protocol", ["websocket", "spdy"])
def test_port_forward(cluster, protocol):
    forwarded(cluster.alice, "pod/web", {"KUBECTL_PORT_FORWARD_WEBSOCKETS": "true" if protocol == "websocket" else "false"})


def test_every_call_is_in_the_audit_log_and_counted(cluster):
    good(cluster.alice("get", "pods"))

    def lines():
        parsed = (json.loads(line) for line in cluster.gate.lines if line.startswith("{"))
        return [line for line in parsed if line.get("cluster") == "prod" and line["path"].endswith("/pods")
                and line["user"] == "alice@dev.test"]

    line = eventually("the audit line", lines)[-1]
    assert (line["decision"], line["mode"]) == ("allow", cluster.mode), line
    assert line.get("acting_for") == ("alice@dev.test" if cluster.mode == "impersonate" else None)
    metrics = Browser().request(f"http://127.0.0.1:{cluster.gate.metrics}/metrics").text
    assert f'gangplank_cluster_requests_total{{cluster="prod",mode="{cluster.mode}"}}' in metrics

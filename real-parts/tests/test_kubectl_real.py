"""kubectl through the gate to a real API server: told who calls, by an account that may do nothing but that; and shown the
caller's own token, which it judges itself. The account, its role and the commands are the guide's. What happens in a pod is done by
a kubelet of ours."""

import contextlib
import json
import os
import pathlib
import re
import tempfile
import types

import pytest

from apiserver import api_server, user_of, who_am_i
from authority import Authority
from deployments import API_APP, CREW, TENANT_ID
from fake_apiserver import ApiServer
from machines import claims_of
from parts import ROOT, eventually
from test_kubectl import CONFIG_MAP, Kubectl, forwarded, gate, good, kubeconfig, people

pytestmark = pytest.mark.kube_apiserver

GUIDE = ROOT / "docs" / "guides" / "kubectl-and-agents.md"
MANIFEST = ROOT / "docs" / "guides" / "kubectl-and-agents.yaml"
ROUTE = '\n[[routes]]\npath = "/clusters"\naccept = ["corp"]\nallow.signed_in = true\nclusters = ["prod"]\n'

CREW_EDITS = f"""
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: crew-edits, namespace: default}}
rules:
  - {{apiGroups: [""], resources: [configmaps], verbs: [get, list, watch, create, update, patch]}}
  - {{apiGroups: [""], resources: [pods, pods/log], verbs: [get]}}
  - {{apiGroups: [""], resources: [pods/exec, pods/portforward], verbs: [get, create]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: crew-edits, namespace: default}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: crew-edits}}
subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "{CREW}"}}]
"""


class Kubelet(ApiServer):
    """A node on loopback, as the API server speaks to it."""

    def answer(self, wire, request):
        self.who(request)
        for theirs, ours in (("input", "stdin"), ("output", "stdout"), ("error", "stderr")):
            request.query[ours] = request.query.get(theirs, ["0"])
        match request.path.strip("/").split("/")[0]:
            case "containerLogs":
                return self.log(wire, request)
            case "exec":
                return self.upgraded(wire, request, self.exec_by_web_socket, self.exec_by_spdy, "v5.channel.k8s.io", "v4.channel.k8s.io")
            case "portForward":
                return self.upgraded(wire, request, self.forward_by_web_socket, self.forward_by_spdy,
                                     "SPDY/3.1+portforward.k8s.io", "portforward.k8s.io")
        return wire.status(404, "NotFound", request.path)


def pod_on(server, kubelet, name):
    """A pod that runs on that node, as far as the API server knows."""
    def create(path, thing):
        status, text = server.call(path, thing)
        assert status in (201, 409), text

    create("/api/v1/nodes", {
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
        "status": {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
                   "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet.port}}}})
    create("/api/v1/namespaces/default/serviceaccounts", {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}})
    create("/api/v1/namespaces/default/pods", {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"nodeName": name, "automountServiceAccountToken": False, "containers": [{"name": "app", "image": "app"}]}})
    done = server.kubectl("patch", "pod", name, "--subresource=status", "--type=merge", '--patch={"status": {"phase": "Running"}}')
    assert done.returncode == 0, done.stderr
    return name


def guide_block(containing):
    block, = [b for b in re.findall(r"^```sh\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL) if containing in b]
    return block


@pytest.fixture(scope="module")
def shared(kubernetes):
    with tempfile.TemporaryDirectory(prefix="gangplank-kubectl-") as directory, people(directory) as known:
        yield types.SimpleNamespace(directory=pathlib.Path(directory), people=known, authority=Authority(directory, "loopback"))


@pytest.fixture(scope="module", params=["impersonate", "passthrough"])
def cluster(request, kubernetes, shared):
    mode, directory = request.param, shared.directory / request.param
    directory.mkdir()
    issuer = f"{shared.people.base}/{TENANT_ID}/v2.0"
    flags = {"impersonate": [], "passthrough": [
        f"--oidc-issuer-url={issuer}", f"--oidc-client-id={API_APP}", f"--oidc-ca-file={shared.people.ca}",
        "--oidc-username-claim=preferred_username", "--oidc-username-prefix=-", "--oidc-groups-claim=groups"]}[mode]
    with contextlib.ExitStack() as running_kubelet, \
            api_server(kubernetes.directory, kubernetes.authority, kubernetes.etcd, *flags) as server:
        server.apply(CREW_EDITS)
        own = None
        if mode == "impersonate":
            done = server.shell(guide_block("kubectl-and-agents.yaml"), MANIFEST.parent)
            assert done.returncode == 0, done.stderr
            own = server.service_account_token("gangplank", "gate")
            (directory / "token").write_text(own)
            at = kubeconfig(directory, "own", server.base, kubernetes.authority, tokenFile=str(directory / "token"))
            clusters = f'\n[clusters.prod]\nkubeconfig = "{at}"\n'
        else:
            at = kubeconfig(directory, "own", server.base, kubernetes.authority)
            clusters = f'\n[clusters.prod]\nkubeconfig = "{at}"\ntoken_audiences = ["{API_APP}"]\n'
        with gate(directory, shared.authority, shared.people, clusters, ROUTE) as running:
            callers = {user: Kubectl(directory, f"{running.base}/clusters/prod", shared.authority, shared.people.token(user))
                       for user in ("alice", "mallory")}
            if mode == "passthrough":
                token = shared.people.token("alice")
                eventually("the API server knows its provider", lambda: server.who(token), 30, 0.5)
            kubelet = running_kubelet.enter_context(Kubelet(
                *kubernetes.authority.server("kubelet"), kubernetes.authority.certificate, directory, lambda request: ("api", [])))
            pod = pod_on(server, kubelet, f"web-{mode}")
            yield types.SimpleNamespace(mode=mode, pod=pod, kubelet=kubelet, server=server, gate=running, own=own, directory=directory,
                                        token=shared.people.token, authority=shared.authority, **callers)


def test_the_api_server_knows_who_it_is(cluster):
    done = cluster.alice("create", "--filename=-", "--output=json", stdin=json.dumps(who_am_i()))
    user, claims = user_of(json.loads(good(done))), claims_of(cluster.token("alice"))
    assert user["username"] == "alice@dev.test"
    assert user["groups"] == [*claims["groups"], "system:authenticated"]


def test_a_group_decides_what_they_may(cluster):
    assert "created" in good(cluster.alice("apply", "--filename=-", stdin=(CONFIG_MAP % "1").replace("settings", cluster.mode)))
    assert "configured" in good(cluster.alice("apply", "--filename=-", stdin=(CONFIG_MAP % "2").replace("settings", cluster.mode)))
    assert cluster.mode in good(cluster.alice("get", "configmaps"))
    for caller, user, what in [(cluster.alice, "alice", "secrets"), (cluster.mallory, "mallory", "configmaps")]:
        refused = caller("get", what)
        assert refused.returncode != 0
        assert f'User "{user}@dev.test" cannot list resource "{what}"' in refused.stderr, refused.stderr
    refused = cluster.alice("get", "configmaps", "--as=root", "--as-group=system:masters")
    assert refused.returncode != 0 and "leave --as" in refused.stderr, refused.stderr


def test_watch_and_explain(cluster):
    with cluster.alice.started("get", "configmaps", "--watch", "--output=name") as watching:
        watching.wait_for("configmap/")
        good(cluster.alice("create", "configmap", f"seen-{cluster.mode}"))
        watching.wait_for(f"configmap/seen-{cluster.mode}")
    assert "ConfigMap holds configuration data" in good(cluster.alice("explain", "configmap"))
    assert "configmaps" in good(cluster.alice("api-resources"))


def test_the_gates_own_account_may_do_nothing_but_ask_for_others(cluster):
    if cluster.mode != "impersonate":
        return
    refused = cluster.server.kubectl("get", "configmaps", token=cluster.own)
    assert 'User "system:serviceaccount:gangplank:gate" cannot list resource "configmaps"' in refused.stderr
    assert cluster.server.kubectl("auth", "can-i", "impersonate", "users", token=cluster.own).stdout.strip() == "yes"
    assert cluster.server.kubectl("auth", "can-i", "get", "secrets", token=cluster.own).stdout.strip() == "no"


def test_the_guides_commands_for_kubectl(cluster):
    commands = guide_block("kubectl config set-cluster").replace("https://k8s.example.com", cluster.gate.base)
    commands = commands.replace("set-cluster prod", f"set-cluster prod --certificate-authority={cluster.authority.certificate}")
    home = cluster.directory / "home"
    home.mkdir()
    done = cluster.server.shell(f"export KUBECONFIG={home}/config\n{commands}\nkubectl auth can-i list configmaps", home,
                                TOKEN=cluster.token("alice"))
    assert done.stdout.splitlines()[-1:] == ["yes"], done.stdout + done.stderr


@pytest.mark.parametrize("protocol", ["websocket", "spdy"])
def test_in_a_pod(cluster, protocol):
    how = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "true" if protocol == "websocket" else "false",
           "KUBECTL_PORT_FORWARD_WEBSOCKETS": "true" if protocol == "websocket" else "false"}
    assert good(cluster.alice("exec", "--stdin", cluster.pod, "--", "cat", stdin="to and fro", **how)) == "to and fro"
    failed = cluster.alice("exec", cluster.pod, "--", "sh", "-c", "exit 7", **how)
    assert failed.returncode == 7, failed.stderr
    content = os.urandom(100_000)
    (cluster.directory / "there").write_bytes(content)
    target = cluster.directory / f"arrived-{protocol}"
    good(cluster.alice("cp", cluster.directory / "there", f"{cluster.pod}:{target}", **how))
    assert target.read_bytes() == content
    forwarded(cluster.alice, f"pod/{cluster.pod}", how)
    assert good(cluster.alice("logs", cluster.pod)).splitlines() == ["line 1", "line 2", "line 3"]
    with cluster.alice.started("logs", "--follow", cluster.pod) as following:
        following.wait_for("^line 12$")
    refused = cluster.mallory("exec", cluster.pod, "--", "true", **how)
    assert refused.returncode != 0 and 'User "mallory@dev.test" cannot' in refused.stderr, refused.stderr
    assert cluster.kubelet.wrong == []

"""The gate asks a real API server whose a token is: service accounts, with no key of the cluster in our configuration."""

import json
import pathlib

import pytest

from apiserver import api_server
from deployments import gate
from parts import Browser, eventually, free_port

pytestmark = pytest.mark.kube_apiserver

# All that the gate's own user may: ask.
MAY_ASK = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: gangplank}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:auth-delegator"}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: gangplank}]
"""


@pytest.fixture(scope="module")
def cluster(kubernetes):
    with api_server(kubernetes.directory, kubernetes.authority, kubernetes.etcd) as server:
        server.apply(MAY_ASK)
        yield server


def kubeconfig(directory, cluster, authority):
    certificate, key = authority.client("gangplank")
    path = pathlib.Path(directory) / "kubeconfig"
    path.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": cluster.base, "certificate-authority": str(authority.certificate)}}],
        "users": [{"name": "it", "user": {"client-certificate": str(certificate), "client-key": str(key)}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}]}))
    return path


def asking(port, kubeconfig, allow):
    """A gate that lets in whom the cluster knows: as `allow` has it."""
    return f"""
        [gate]
        listen = "127.0.0.1:{port}"
        public_url = "http://127.0.0.1:{port}"

        [cookies]
        keys = [{{ env = "COOKIE_KEY" }}]

        [authenticators.cluster]
        token_review = {{ kubeconfig = "{kubeconfig}" }}

        [[routes]]
        path = "/"
        accept = ["cluster"]
        {allow}
    """


def asked(port, token):
    """The status of a check by forward-auth, and the user that it names."""
    answer = Browser("application/json").request(
        f"http://127.0.0.1:{port}/oauth2/auth", headers={"Authorization": f"Bearer {token}"})
    return answer.status, answer.headers.get("X-Auth-Request-User")


def test_a_service_account_is_known_by_its_cluster(tmp_path, kubernetes, cluster):
    port = free_port()
    config = asking(port, kubeconfig(tmp_path, cluster, kubernetes.authority), 'allow.groups = ["system:serviceaccounts:default"]')
    with gate(tmp_path, config, port) as running:
        robot = cluster.service_account_token("default", "robot")
        assert asked(port, robot) == (202, "system:serviceaccount:default:robot")
        # Known, and not let in; for somebody else; of nobody.
        assert asked(port, cluster.service_account_token("kube-system", "robot"))[0] == 403
        assert asked(port, cluster.service_account_token("default", "robot", audiences=["elsewhere"]))[0] == 401
        head, payload, signature = robot.split(".")
        assert asked(port, f"{head}.{payload}.{signature[::-1]}")[0] == 401
        # Deleted, and so nobody, though the token has an hour to go.
        leaving = cluster.service_account_token("default", "leaving")
        assert asked(port, leaving)[0] == 202
        assert cluster.kubectl("delete", "serviceaccount", "leaving").returncode == 0
        eventually("the gate has forgotten", lambda: asked(port, leaving)[0] == 401, 40, 1)
        assert robot not in running.output()


def test_an_api_server_that_is_away_is_no_bad_token(tmp_path, kubernetes, cluster):
    port = free_port()
    path = kubeconfig(tmp_path, cluster, kubernetes.authority)
    path.write_text(path.read_text().replace(cluster.base, f"https://127.0.0.1:{free_port()}"))
    with gate(tmp_path, asking(port, path, "allow.signed_in = true"), port):
        assert asked(port, cluster.service_account_token("default", "robot"))[0] == 503

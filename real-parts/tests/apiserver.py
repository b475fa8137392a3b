"""A real kube-apiserver with its etcd, and kubectl to ask it. What it is made of: `real-parts/kube-apiserver/build`.

Everything listens on loopback and lives in a directory that the caller removes. No controller, no node: who a caller is
and what they may do is decided by the API server alone, and that is all that is looked at here.
"""

import base64
import contextlib
import json
import os
import pathlib
import ssl
import subprocess
import urllib.error
import urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from authority import write_key
from parts import ROOT, Process, eventually, free_port

BUILT = ROOT / "target" / "real-parts" / "kube-apiserver"
API_SERVER, KUBECTL = BUILT / "kube-apiserver", BUILT / "kubectl" / "bin" / "kubectl"

# What an API server made by kubeadm, kind or k3s calls itself.
ITSELF = "https://kubernetes.default.svc.cluster.local"

# Whoever is known may say so: the API server writes who created a request into it (SelfSubjectReview came with 1.28).
WHO_MAY_ASK = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: who-am-i}
rules: [{apiGroups: [certificates.k8s.io], resources: [certificatesigningrequests], verbs: [create]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: who-am-i}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: who-am-i}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:authenticated"}]
"""


@contextlib.contextmanager
def etcd(binary, directory):
    """Yields the URL that clients use."""
    client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    with Process(binary, "--data-dir", pathlib.Path(directory) / "etcd", "--listen-client-urls", client,
                 "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                 "--initial-cluster", f"default={peer}") as process:
        process.wait_for("ready to serve client requests")
        yield client


class ApiServer:
    """A running one. `.log()` is what its operator reads."""

    def __init__(self, process, port, authority, admin, home):
        self.process, self.authority, self.admin, self.home = process, authority, admin, home
        self.base = f"https://127.0.0.1:{port}"
        self.log = process.output

    def kubectl(self, *arguments, token=None, stdin=None):
        """As the bearer of the token, else as the administrator."""
        who = ["--token", token] if token else ["--client-certificate", self.admin[0], "--client-key", self.admin[1]]
        return subprocess.run(
            [KUBECTL, "--kubeconfig=/dev/null", "--cache-dir", self.home / "cache", "--server", self.base,
             "--certificate-authority", self.authority.certificate, *who, *arguments],
            input=stdin, text=True, capture_output=True, timeout=60, env={"HOME": str(self.home)})

    def shell(self, commands, cwd, **variables):
        """Commands of a page that has `kubectl` do things, as the administrator."""
        path = self.home / "administrator.kubeconfig"
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{"name": "it", "cluster": {"server": self.base, "certificate-authority": str(self.authority.certificate)}}],
            "users": [{"name": "it", "user": {"client-certificate": str(self.admin[0]), "client-key": str(self.admin[1])}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}]}))
        return subprocess.run(
            ["bash", "-euc", commands], cwd=cwd, text=True, capture_output=True, timeout=120,
            env={**variables, "HOME": str(self.home), "KUBECONFIG": str(path), "PATH": f"{KUBECTL.parent}:{os.environ['PATH']}"})

    def apply(self, manifest):
        done = self.kubectl("apply", "--filename=-", stdin=manifest)
        assert done.returncode == 0, done.stderr

    def call(self, path, body=None, token=None):
        """Without kubectl, where it would cost too much: the status and the JSON of the answer."""
        context = ssl.create_default_context(cafile=self.authority.certificate)
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        else:
            context.load_cert_chain(*self.admin)
        request = urllib.request.Request(self.base + path, json.dumps(body).encode() if body else None, headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        try:
            with opener.open(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def service_account_token(self, namespace, name, audiences=()):
        """One that the API server signs and knows by itself, for an hour."""
        self.apply(f"{{apiVersion: v1, kind: ServiceAccount, metadata: {{name: {name}, namespace: {namespace}}}}}")
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                   "spec": {"expirationSeconds": 3600, "audiences": list(audiences)}}
        status, answer = self.call(f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", request)
        assert status == 201, answer
        return json.loads(answer)["status"]["token"]

    def who(self, token):
        """The UserInfo that the API server has for the bearer, by its own word; None if it does not know them."""
        status, text = self.call("/apis/certificates.k8s.io/v1/certificatesigningrequests", who_am_i(), token)
        if status == 401:
            return None
        assert status == 201, (status, text)
        return user_of(json.loads(text))


def who_am_i():
    """A request for a certificate that nobody will sign."""
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(
        ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return {
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
        "metadata": {"generateName": "who-am-i-"},
        "spec": {"signerName": "example.com/nobody", "usages": ["client auth"],
                 "request": base64.b64encode(csr.public_bytes(serialization.Encoding.PEM)).decode()},
    }


def user_of(csr):
    """The part of a stored request that the API server wrote, whatever its creator said."""
    spec = csr["spec"]
    return {"username": spec.get("username", ""), "uid": spec.get("uid", ""),
            "groups": spec.get("groups", []), "extra": spec.get("extra", {})}


@contextlib.contextmanager
def api_server(directory, authority, etcd_url, *flags):
    """Ready, with the default roles in place."""
    directory = pathlib.Path(directory)
    port = free_port()
    certificate, key = authority.server(f"api-{port}")
    signing_key = write_key(directory / f"service-accounts-{port}.key", rsa.generate_private_key(65537, 2048))
    with Process(
        API_SERVER, "--etcd-servers", etcd_url, "--bind-address=127.0.0.1", "--secure-port", port,
        # Goes into objects that nobody reads here; a loopback address is refused.
        "--advertise-address=192.0.2.1", "--endpoint-reconciler-type=none",
        "--tls-cert-file", certificate, "--tls-private-key-file", key, "--client-ca-file", authority.certificate,
        "--service-account-issuer", ITSELF, "--service-account-key-file", signing_key,
        "--service-account-signing-key-file", signing_key, "--service-cluster-ip-range=192.0.2.0/24",
        "--authorization-mode=RBAC", *flags, cwd=directory,
    ) as process:
        server = ApiServer(process, port, authority, authority.client("admin", "system:masters"), directory)

        def ready():
            if process.child.poll() is not None:
                raise AssertionError(f"the API server ended:\n{process.output()}")
            with contextlib.suppress(OSError):
                return server.call("/readyz")[0] == 200
            return False

        eventually("the API server is ready", ready, 90, 0.3)
        server.apply(WHO_MAY_ASK)
        yield server

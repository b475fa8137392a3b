"""`gangplank token-review` as an API server's webhook, and what both are configured with."""

import contextlib
import json
import os
import pathlib
import sys

from parts import HERE, ROOT, Process, eventually, listening

KUBECONFIG = ROOT / "docs" / "guides" / "webhook-kubeconfig.yaml"


def authentication_configuration(*issuers):
    """As JSON, which is YAML."""
    return json.dumps({"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration", "jwt": issuers})


@contextlib.contextmanager
def webhook(directory, authority, port, configuration):
    """Listens on the port, and believes callers with a certificate of the authority only."""
    path = pathlib.Path(directory) / f"authentication-{port}.yaml"
    path.write_text(configuration)
    certificate, key = authority.server(f"webhook-{port}")
    with Process(sys.executable, HERE / "standin_webhook.py", "token-review", "--authentication-config", path,
                 "--listen", f"127.0.0.1:{port}", "--tls-cert", certificate, "--tls-key", key,
                 "--client-ca", authority.certificate) as process:
        def up():
            if process.child.poll() is not None:
                raise AssertionError(f"the webhook ended:\n{process.output()}")
            return listening(port)

        eventually("the webhook listens", up)
        yield process


def webhook_kubeconfig(directory, authority, port):
    """The guide's, with this run's address and files."""
    certificate, key = authority.client("kube-apiserver")
    text = KUBECONFIG.read_text()
    for shipped, here in {"127.0.0.1:8443": f"127.0.0.1:{port}", "/etc/kubernetes/gangplank/ca.crt": authority.certificate,
                          "/etc/kubernetes/gangplank/kube-apiserver.crt": certificate,
                          "/etc/kubernetes/gangplank/kube-apiserver.key": key}.items():
        assert text.count(shipped) == 1, shipped
        text = text.replace(shipped, str(here))
    path = pathlib.Path(directory) / f"webhook-{port}.kubeconfig"
    path.write_text(text)
    return path

"""`gangplank token-review` as an API server's webhook, set up as the guide says."""

import contextlib
import json
import pathlib
import re
import subprocess
import tempfile

from parts import BINARY, ROOT, Browser, Process, eventually, free_port, listening

GUIDE = ROOT / "docs" / "guides" / "managed-cluster-webhook.md"
KUBECONFIG = ROOT / "docs" / "guides" / "webhook-kubeconfig.yaml"
MANIFEST = ROOT / "docs" / "guides" / "managed-cluster-webhook.yaml"


def guide_block(language, *containing):
    """The one block of the guide that has all of this in it."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    block, = [b for b in blocks if all(text in b for text in containing)]
    return block


def guide_certificates(parent):
    """A directory with the certificates that the guide's commands make, and the keys."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="webhook-", dir=parent))
    subprocess.run(["bash", "-euc", guide_block("sh", "openssl req")], cwd=directory, check=True, capture_output=True)
    return directory


def authentication_configuration(*issuers):
    """As JSON, which is YAML."""
    return json.dumps({"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration", "jwt": issuers})


@contextlib.contextmanager
def webhook(files, port, configuration, for_the_api_server=True):
    """The guide's command, in the directory of the certificates, on a port of its own; without its `--audience` if tokens are
    not `for_the_api_server` whatever their own audiences. Yields it when it is ready."""
    (files / "authentication.yaml").write_text(configuration)
    command = guide_block("sh", "gangplank token-review").replace("\\\n", " ").split()
    assert command[0] == "gangplank" and command.count("127.0.0.1:8443") == 1
    command[command.index("127.0.0.1:8443")] = f"127.0.0.1:{port}"
    if not for_the_api_server:
        at = command.index("--audience")
        del command[at:at + 2]
    metrics = free_port()
    with Process(BINARY, *command[1:], "--metrics-listen", f"127.0.0.1:{metrics}", cwd=files) as process:
        def ready():
            if process.child.poll() is not None:
                raise AssertionError(f"the webhook ended:\n{process.output()}")
            return listening(metrics) and Browser().request(f"http://127.0.0.1:{metrics}/readyz").status == 200

        eventually("the webhook is ready", ready)
        yield process


def webhook_kubeconfig(files, port):
    """The guide's, with this run's port and directory."""
    text = KUBECONFIG.read_text()
    assert text.count("127.0.0.1:8443") == 1 and text.count("/etc/kubernetes/gangplank/") == 3
    path = files / "webhook-kubeconfig.yaml"
    path.write_text(text.replace("127.0.0.1:8443", f"127.0.0.1:{port}").replace("/etc/kubernetes/gangplank", str(files)))
    return path

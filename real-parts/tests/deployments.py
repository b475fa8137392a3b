"""Whole deployments, put together from the real executable and one real counterpart each."""

import base64
import contextlib
import os
import pathlib
import textwrap

from parts import BINARY, HERE, Browser, Process, eventually, listening

TENANT_ID = "5f0c1a1e-0000-4000-8000-000000000001"
WEB_APP = "5f0c1a1e-0000-4000-8000-0000000000a1"
API_APP = "5f0c1a1e-0000-4000-8000-0000000000a2"
CREW = "5f0c1a1e-0000-4000-8000-0000000000c1"
SECRETS = {"WEB_SECRET": "loopback-secret", "COOKIE_KEY": base64.b64encode(os.urandom(32)).decode()}

# Users of 0, 50 and 250 groups, and one who is in groups but not in the right one.
TENANT_TOML = f"""
id = "{TENANT_ID}"
domain = "dev.test"

[[groups]]
name = "crew"
id = "{CREW}"

[[users]]
username = "carol"

[[users]]
username = "alice"
groups = ["crew"]
more_groups = 49

[[users]]
username = "bob"
groups = ["crew"]
more_groups = 249

[[users]]
username = "mallory"
more_groups = 3

[[applications]]
name = "Web"
id = "{WEB_APP}"
secrets = [{{ env = "WEB_SECRET" }}]
redirect_uris = ["http://127.0.0.1/oauth2/callback", "http://localhost/oauth2/callback", "http://localhost"]
group_membership_claims = ["SecurityGroup"]

[[applications]]
name = "API"
id = "{API_APP}"
identifier_uris = ["api://crew"]
scopes = ["access_as_user"]
requested_access_token_version = 2
group_membership_claims = ["SecurityGroup"]
"""


@contextlib.contextmanager
def tenant(directory, *arguments, tokens_live="1h", more=""):
    """`gangplank idp` with the directory above and `more`, on a port of its own. Yields the process with `.base` (its URL)."""
    path = pathlib.Path(directory) / "tenant.toml"
    path.write_text(f'id_token_lifetime = "{tokens_live}"\naccess_token_lifetime = "{tokens_live}"\n{TENANT_TOML}{more}')
    with Process(BINARY, "idp", "--listen", "127.0.0.1:0", "--config", path, *arguments, env=SECRETS) as process:
        process.base = process.wait_for(r"https?://(?:127\.0\.0\.1|localhost):\d+").group(0)
        process.counts = lambda: Browser().request(process.base + "/dev/faults").json()["counts"]
        yield process


@contextlib.contextmanager
def gate(directory, config, port, name="gangplank.toml"):
    """`gangplank serve` with this configuration, until it is ready."""
    path = pathlib.Path(directory) / name
    path.write_text(textwrap.dedent(config))
    with Process(BINARY, "serve", "--config", path, env=SECRETS) as process:
        def up():
            if process.child.poll() is not None:
                raise AssertionError(f"the gate ended:\n{process.output()}")
            return listening(port)
        eventually("the gate listens", up)
        eventually("the gate is ready", lambda: Browser().request(f"http://127.0.0.1:{port}/readyz").status == 200)
        process.port = port
        yield process


@contextlib.contextmanager
def nginx_in_front(binary, directory, servers):
    """nginx as Debian ships it: not one buffer directive."""
    directory = pathlib.Path(directory)
    (directory / "logs").mkdir(exist_ok=True)
    conf = directory / "nginx.conf"
    conf.write_text(f"""
        worker_processes 1;
        daemon off;
        pid {directory}/nginx.pid;
        error_log {directory}/logs/error.log info;
        events {{ worker_connections 256; }}
        http {{
            access_log off;
            client_body_temp_path {directory}/body;
            proxy_temp_path {directory}/proxy;
            fastcgi_temp_path {directory}/fastcgi;
            uwsgi_temp_path {directory}/uwsgi;
            scgi_temp_path {directory}/scgi;
            {textwrap.indent(textwrap.dedent(servers), ' ' * 12)}
        }}
    """)
    with Process(binary, "-p", directory, "-e", directory / "logs/error.log", "-c", conf) as process:
        def errors():
            log = directory / "logs/error.log"
            return log.read_text() if log.exists() else ""
        process.errors = errors
        yield process


@contextlib.contextmanager
def openid_provider(node, gate_url, id_token_seconds=60):
    """npm's oidc-provider with the client `gangplank` (secret `loopback-secret`). `.issuer` is its URL."""
    with Process(node, HERE.parent / "provider" / "server.mjs", "gangplank", "loopback-secret",
                 f"{gate_url}/oauth2/callback", f"{gate_url}/oauth2/signed_out", str(id_token_seconds)) as process:
        process.issuer = process.wait_for(r"^http://127\.0\.0\.1:\d+$").group(0)
        yield process


def standalone(port):
    """How the configuration begins of a gate that browsers talk to without anything in front."""
    return f"""
[gate]
listen = "127.0.0.1:{port}"
public_url = "http://127.0.0.1:{port}"

[cookies]
keys = [{{ env = "COOKIE_KEY" }}]
"""


def openid_settings(name, issuer, display_name):
    """The part of a gate's configuration that says whom to believe: npm's provider."""
    return f"""
[issuers.{name}]
url = "{issuer}"

[clients.{name}]
issuer = "{name}"
id = "gangplank"
secret = {{ env = "WEB_SECRET" }}
display_name = "{display_name}"
scopes = ["openid", "profile", "email", "offline_access"]
prompt = "consent"
"""


def entra_settings(base):
    """The part of a gate's configuration that says whom to believe: the tenant above."""
    return f"""
[issuers.corp]
entra = {{ tenant = "{TENANT_ID}", authority = "{base}", graph = "{base}/graph" }}
audiences = ["api://crew", "{API_APP}"]

[clients.corp]
issuer = "corp"
id = "{WEB_APP}"
secret = {{ env = "WEB_SECRET" }}
"""

"""Gates in front of MCP servers, and what the tenant has to know for them."""

import urllib.parse

import requests

from deployments import SECRETS, TENANT_ID, tenant
from mcp_parts import Person

SHARED = "5f0c1a1e-0000-4000-8000-0000000000d1"
SERVER = "5f0c1a1e-0000-4000-8000-0000000000d2"
CLUSTER_ONE = "5f0c1a1e-0000-4000-8000-0000000000d3"
CLUSTER_TWO = "5f0c1a1e-0000-4000-8000-0000000000d4"
MACHINE = "5f0c1a1e-0000-4000-8000-0000000000d5"

# The registration that MCP clients share, the MCP server that its tokens are for (and that asks on behalf of callers), two
# clusters behind that, and a caller without a person.
APPLICATIONS = f"""
[[applications]]
name = "MCP clients"
id = "{SHARED}"
secrets = [{{ env = "WEB_SECRET" }}]
redirect_uris = ["http://127.0.0.1/oauth2/as/entra/callback"]

[[applications]]
name = "MCP server"
id = "{SERVER}"
identifier_uris = ["api://mcp"]
scopes = ["access_as_user", "admin"]
secrets = [{{ env = "WEB_SECRET" }}]
requested_access_token_version = 2
group_membership_claims = ["SecurityGroup"]
roles = {{ Caller = ["Machine"] }}

[[applications]]
name = "Cluster one"
id = "{CLUSTER_ONE}"
identifier_uris = ["api://one"]
scopes = ["user"]
requested_access_token_version = 2

[[applications]]
name = "Cluster two"
id = "{CLUSTER_TWO}"
identifier_uris = ["api://two"]
scopes = ["user"]
requested_access_token_version = 2

[[applications]]
name = "Machine"
id = "{MACHINE}"
secrets = [{{ env = "WEB_SECRET" }}]
"""


def mcp_tenant(directory, **more):
    return tenant(directory, more=APPLICATIONS, **more)


def issuer(base, leeway="60s"):
    """Whose tokens the gate takes: those that the tenant made for the MCP server."""
    return f"""
[issuers.corp]
entra = {{ tenant = "{TENANT_ID}", authority = "{base}" }}
audiences = ["{SERVER}"]
leeway = "{leeway}"

[clients.shared]
issuer = "corp"
id = "{SHARED}"
secret = {{ env = "WEB_SECRET" }}

[clients.server]
issuer = "corp"
id = "{SERVER}"
secret = {{ env = "WEB_SECRET" }}
"""


FACADE = """
[authorization_servers.entra]
client = "shared"
scopes = { "mcp:use" = "api://mcp/access_as_user", "mcp:admin" = "api://mcp/admin" }
"""


def machine_token(base):
    """An application's own access token for the MCP server."""
    return _token(base, grant_type="client_credentials", client_id=MACHINE, scope="api://mcp/.default")


def user_token(base, user, scope="api://mcp/access_as_user"):
    """A person's access token for the MCP server, got without any of the clients under test."""
    redirect_uri, endpoint = "http://127.0.0.1/oauth2/as/entra/callback", f"{base}/{TENANT_ID}/oauth2/v2.0"
    back = Person(user, redirect_uri)(f"{endpoint}/authorize?" + urllib.parse.urlencode({
        "client_id": SHARED, "response_type": "code", "redirect_uri": redirect_uri, "scope": scope}))
    code, = urllib.parse.parse_qs(urllib.parse.urlsplit(back).query)["code"]
    return _token(base, grant_type="authorization_code", code=code, redirect_uri=redirect_uri, scope=scope, client_id=SHARED)


def _token(base, **form):
    form = {**form, "client_secret": SECRETS["WEB_SECRET"]}
    answer = requests.post(f"{base}/{TENANT_ID}/oauth2/v2.0/token", data=form, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]

"""The protocol's conformance suite says the same of a server behind the gate as of the server itself."""

import json
import re
import subprocess

import pytest

from deployments import gate, nginx_in_front, standalone
from mcp_deployments import issuer, machine_token, mcp_tenant
from mcp_parts import conformance_server, modern_node, package, python_server, server_everything
from parts import free_port

RELEASED, NEXT = "@modelcontextprotocol/conformance", "conformance-next"
# The server, the package (0.1.16, or the alpha of 0.2.0), and what it is asked to run.
CASES = {
    "the suite's own server": ("fixture", RELEASED, []),
    "the suite's own server, the next suite": ("fixture", NEXT, []),
    "no sessions, 2026-07-28": ("python", NEXT, ["--requirements", "2026-07-28"]),
    # Most scenarios don't fit this one: its failures stay the same, too.
    "server-everything": ("server-everything", RELEASED, []),
}
# What a server that looks at no Origin fails, and the gate makes good.
MADE_GOOD = {("dns-rebinding-protection", "localhost-host-rebinding-rejected")}


def results(suite, arguments, url, directory):
    """Every check of every scenario, with what came of it."""
    command = [modern_node(), package(suite, "dist", "index.js"), "server", "--url", url, "--output-dir", directory, *arguments]
    told = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120)
    found = {}
    for path in sorted(directory.glob("server-*/checks.json")):
        scenario = re.sub(r"^server-|-\d{4}-\d\d-\d\dT.*$", "", path.parent.name)
        for check in json.loads(path.read_text()):
            found[scenario, check["id"]] = (check["status"], check.get("errorMessage"))
    assert len(found) >= 30, f"too few scenarios ran:\n{told.stdout}\n{told.stderr}"
    return found


def statuses(found):
    return {check: status for check, (status, _) in found.items()}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


@pytest.fixture
def server(case):
    with {"fixture": conformance_server, "python": python_server, "server-everything": server_everything}[case[0]]() as process:
        yield process


@pytest.fixture
def behind(server, nginx, tmp_path):
    """The server behind the gate, which wants a token; nginx before it adds one, as the suite has no way to."""
    port, front = free_port(), free_port()
    with mcp_tenant(tmp_path) as tenant, gate(tmp_path, f"""
{standalone(port)}
{issuer(tenant.base)}
[[routes]]
path = "/mcp"
upstream = "{server.url}"
accept = ["corp"]
allow.roles = ["Caller"]
[routes.mcp]
origins = ["http://127.0.0.1:{front}"]
[[routes.mcp.tools]]
names = ["*"]
allow = {{ roles = ["Caller"] }}
""", port), nginx_in_front(nginx, tmp_path, f"""
server {{
    listen 127.0.0.1:{front};
    location / {{
        proxy_pass http://127.0.0.1:{port};
        proxy_http_version 1.1;
        proxy_set_header Host 127.0.0.1:{port};
        proxy_set_header Authorization "Bearer {machine_token(tenant.base)}";
        proxy_buffering off;
    }}
}}
"""):
        yield f"http://127.0.0.1:{front}/mcp"


def test_the_same_through_the_gate(case, server, behind, tmp_path):
    name, suite, arguments = case
    direct = results(suite, arguments, f"{server.url}/mcp", tmp_path / "direct")
    through = results(suite, arguments, behind, tmp_path / "through")
    assert direct.keys() == through.keys()
    different = {check: (direct[check], through[check]) for check in direct if statuses(direct)[check] != statuses(through)[check]}
    assert not {check: found for check, found in different.items() if check not in MADE_GOOD}, different
    assert all(after[0] == "SUCCESS" for _, after in different.values()), different
    if name == "fixture":
        failed = {check for check, status in statuses(through).items() if status == "FAILURE"}
        assert not failed, {check: through[check] for check in failed}

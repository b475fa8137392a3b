"""What a gate in front of an MCP server takes, and what kubernetes-mcp-server's own check takes: started by bench/mcp."""

import contextlib
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "real-parts" / "tests"))

from deployments import SECRETS, TENANT_ID, gate, nginx_in_front, standalone  # noqa: E402
from machines import claims_of  # noqa: E402
from mcp_cluster import RecordingCluster, kubeconfig  # noqa: E402
from mcp_deployments import CLUSTER_ONE, SERVER, issuer, mcp_tenant, user_token  # noqa: E402
from mcp_parts import Caller, kubernetes_mcp_server  # noqa: E402
from parts import Process, free_port  # noqa: E402

ROUNDS = int(os.environ.get("BENCH_ROUNDS", 4))
SECONDS = int(os.environ.get("BENCH_SECONDS", 3))
SESSIONS = int(os.environ.get("BENCH_SESSIONS", 100_000))
CONNECTIONS = int(os.environ.get("BENCH_CONNECTIONS", 64))
CALLS = 60  # of a tool, to count what they cost the provider
NEW_TOKENS = 6000  # for each round
CALLER = "c0ffee00-0000-4000-8000-000000000001"  # a group that every token of the bench's provider has

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
    "name": "pods_list_in_namespace", "arguments": {"namespace": "crew", "context": "one"}}}
INITIALIZE = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
    "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}}


def cpu(process):
    """What the kernel has accounted to the threads of a process, in nanoseconds: finer than /proc/PID/stat."""
    total = 0
    for thread in pathlib.Path(f"/proc/{process.child.pid}/task").iterdir():
        with contextlib.suppress(OSError):
            total += int((thread / "schedstat").read_text().split()[0])
    return total


def memory(process):
    """Resident, in MiB."""
    status = pathlib.Path(f"/proc/{process.child.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s*(\d+)", status).group(1)) / 1024


class Load:
    """Requests of one kind, to be sent with wrk."""

    def __init__(self, directory, url, body, token, tokens=None):
        self.url, self.tokens, self.round = url, tokens, 0
        number = len(list(directory.glob("*.load")))
        self.headers, self.body = directory / f"{number}.load", directory / f"{number}.body"
        self.headers.write_text("Content-Type: application/json\nAccept: application/json, text/event-stream\n"
                                f"MCP-Protocol-Version: 2025-11-25\nAuthorization: Bearer {token}\n")
        self.body.write_text(json.dumps(body))

    def send(self, seconds):
        """How many were answered with 200."""
        once = []
        if self.tokens:
            once = [self.tokens, 2 + self.round * NEW_TOKENS, NEW_TOKENS]
            self.round += 1
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", ROOT / "bench" / "post.lua", self.url, "--",
                   self.headers, self.body, *once]
        told = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=seconds + 60, check=True).stdout
        assert "Non-2xx" not in told, f"{self.url}: {told}"
        return int(re.search(r"(\d+) requests in", told).group(1))


def oauth(issuer):
    return f'require_oauth = true\nauthorization_url = "{issuer}"\noauth_audience = "api://bench"\n'


def server_config(directory, name, clusters, more=""):
    path = directory / f"{name}.toml"
    kube = kubeconfig(directory / f"{name}.kubeconfig", clusters, {"token": "bench"})
    path.write_text(f'kubeconfig = "{kube}"\nstateless = true\nlist_output = "yaml"\nlog_level = 0\n{more}')
    return path


def gate_config(port, issuer, upstream, mcp, path, who):
    return f"""
[gate]
listen = "127.0.0.1:{port}"
public_url = "http://127.0.0.1:{port}"

[cookies]
keys = [{{ env = "COOKIE_KEY" }}]

[issuers.bench]
url = "{issuer}"
audiences = ["api://bench"]

[[routes]]
path = "{path}"
upstream = "{upstream}"
{who}
{mcp}

[log]
audit = false
"""


CALLERS = f'accept = ["bench"]\nallow.groups = ["{CALLER}"]'
ANYBODY = "allow.anonymous = true"

RULES = f"""
[routes.mcp]
[[routes.mcp.tools]]
names = ["pods_*"]
allow = {{ groups = ["{CALLER}"], when = "arguments.namespace != 'kube-system'" }}
"""


class Bench:
    def __init__(self, stack, directory):
        self.stack, self.directory, self.rows = stack, directory, {}
        reference = pathlib.Path(os.environ["REFERENCE"])
        self.tokens = directory / "tokens"
        issuer = stack.enter_context(Process(reference, "issuer", self.tokens, NEW_TOKENS * ROUNDS + 1))
        self.issuer = "http://" + issuer.wait_for(r"listening (\S+)", 120).group(1)
        with self.tokens.open() as tokens:
            self.token = tokens.readline().strip()

    def row(self, name, process, url, body, tokens=None):
        load = Load(self.directory, url, body, self.token, tokens)
        self.rows[name] = (process, load, [])

    def gate(self, name, upstream, mcp="[routes.mcp]", path="/mcp", who=CALLERS):
        port = free_port()
        directory = self.directory / name
        directory.mkdir()
        return self.stack.enter_context(gate(directory, gate_config(port, self.issuer, upstream, mcp, path, who), port))

    def measure(self):
        for _, load, _ in self.rows.values():
            load.round = 0
            if not load.tokens:
                load.send(1)
        for _ in range(ROUNDS):
            for process, load, found in self.rows.values():
                before = cpu(process)
                answered = load.send(SECONDS)
                found.append((cpu(process) - before) / 1000 / answered)
        return {name: statistics.median(found) for name, (_, _, found) in self.rows.items()}


def nginx_upstream(stack, directory):
    """Answers every call at once, and every `initialize` with a session id of its own."""
    port = free_port()
    result = '{"jsonrpc":"2.0","id":1,"result":{}}'
    stack.enter_context(nginx_in_front("/usr/sbin/nginx", directory, f"""
        keepalive_requests 100000000;
        server {{
            listen 127.0.0.1:{port};
            location /mcp {{ default_type application/json; return 200 '{result}'; }}
            location /sessions {{
                default_type application/json;
                add_header Mcp-Session-Id $request_id;
                return 200 '{result}';
            }}
        }}
    """))
    return f"http://127.0.0.1:{port}"


def checks(bench, cluster, upstream):
    """CPU for one request with a token: the server's own check, and the gate's."""
    directory, stack = bench.directory, bench.stack
    plain = stack.enter_context(kubernetes_mcp_server(server_config(directory, "plain", [cluster])))
    checking = stack.enter_context(kubernetes_mcp_server(server_config(directory, "checking", [cluster], oauth(bench.issuer))))
    through = bench.gate("through", plain.url)
    trivial = bench.gate("trivial", upstream)
    open_to_all = bench.gate("open", upstream, who=ANYBODY)
    ruled = bench.gate("ruled", upstream, RULES)
    address = lambda process: f"http://127.0.0.1:{process.port}/mcp"
    bench.row("its check off", plain, plain.url + "/mcp", PING)
    bench.row("its check on", checking, checking.url + "/mcp", PING)
    bench.row("its check on, new tokens", checking, checking.url + "/mcp", PING, bench.tokens)
    bench.row("gate before it", through, address(through), PING)
    bench.row("gate before nginx", trivial, address(trivial), PING)
    bench.row("gate before nginx, nobody asked", open_to_all, address(open_to_all), PING)
    bench.row("gate before nginx, tool rules", ruled, address(ruled), CALL)
    bench.row("gate before nginx, new tokens", trivial, address(trivial), PING, bench.tokens)
    found = bench.measure()
    added = found["its check on"] - found["its check off"]
    print(f"{'CPU for one request':34} {'µs':>8}   {'of what its check adds':>22}")
    for name, micros in found.items():
        print(f"{name:34} {micros:8.1f}   {'' if name.startswith('its') else f'{micros / added:21.2f}x'}")
    own = found["gate before nginx"] - found["gate before nginx, nobody asked"]
    print(f"its check adds {added:.1f} µs, the gate's {own:.1f} µs ({own / added:.2f}x); the aim is 0.20x\n")


def exchanges(bench, cluster):
    """Requests to the provider for the same calls of two people: the server exchanging by itself, and the gate doing it."""
    directory = bench.directory / "exchanges"
    directory.mkdir()
    with contextlib.ExitStack() as stack:
        provider = stack.enter_context(mcp_tenant(directory))
        people = [user_token(provider.base, user) for user in ("alice", "bob")]
        by_itself = stack.enter_context(kubernetes_mcp_server(server_config(directory, "by-itself", [cluster], f"""
require_oauth = true
authorization_url = "{provider.base}/{TENANT_ID}/v2.0"
oauth_audience = "{SERVER}"
[token_exchange]
strategy = "entra-obo"
scopes = ["api://one/user"]
[token_exchange.client_auth]
method = "client_secret_post"
client_id = "{SERVER}"
client_secret = "{SECRETS['WEB_SECRET']}"
""")))
        passing_on = stack.enter_context(kubernetes_mcp_server(server_config(directory, "passing-on", [cluster])))
        port = free_port()
        before_it = stack.enter_context(gate(directory, f"""
{standalone(port)}
{issuer(provider.base)}
[exchanges.one]
client = "server"
strategy = "on-behalf-of"
scopes = ["api://one/user"]
token_audiences = ["{CLUSTER_ONE}"]

[[routes]]
path = "/mcp"
upstream = "{passing_on.url}"
accept = ["corp"]
allow.signed_in = true
exchange = "one"
[routes.mcp]
""", port))
        found = {}
        for name, url in ("by itself", by_itself.url), ("through the gate", f"http://127.0.0.1:{before_it.port}"):
            asked = provider.counts()["token"]
            cluster.asked.clear()
            for token in people:
                caller = Caller(f"{url}/mcp", token)
                for _ in range(CALLS // len(people)):
                    assert "name: one" in caller.call("namespaces_list")
            audiences = {claims_of(sent.split()[1])["aud"] for sent in cluster.authorizations()}
            assert audiences == {CLUSTER_ONE}, audiences
            found[name] = provider.counts()["token"] - asked
    ratio = found["by itself"] / found["through the gate"]
    print(f"token requests for {CALLS} calls of {len(people)} people: {found['by itself']} by itself, "
          f"{found['through the gate']} through the gate: {ratio:.0f} times fewer; the aim is 10\n")


def sessions(bench, upstream):
    """Memory over sessions that are opened and left alone."""
    process = bench.gate("sessions", upstream, path="/sessions")
    load = Load(bench.directory, f"http://127.0.0.1:{process.port}/sessions", INITIALIZE, bench.token)
    opened, seen = load.send(SECONDS), []
    while not seen or opened < SESSIONS + seen[0][0]:
        seen.append((opened, memory(process)))
        opened += load.send(SECONDS)
    seen.append((opened, memory(process)))
    (first, before), (last, after) = seen[0], seen[-1]
    print(f"memory: {before:.1f} MiB after {first} sessions, {after:.1f} MiB after {last - first} more: "
          f"{(after - before) * 1024 * 1024 / (last - first):.1f} bytes for each")


def main():
    with tempfile.TemporaryDirectory(prefix="gangplank-bench-") as name, contextlib.ExitStack() as stack:
        directory = pathlib.Path(name)
        bench = Bench(stack, directory)
        cluster = stack.enter_context(RecordingCluster(directory, "one"))
        upstream = nginx_upstream(stack, directory)
        checks(bench, cluster, upstream)
        # A cluster of its own: the servers of the first part still ask theirs now and then, as themselves.
        (directory / "asked").mkdir()
        exchanges(bench, stack.enter_context(RecordingCluster(directory / "asked", "one")))
        sessions(bench, upstream)


main()

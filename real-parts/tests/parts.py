"""What the tests are made of: processes that are started and stopped, a small browser, an app that says what it got."""

import contextlib
import html.parser
import http.client
import http.server
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BINARY = pathlib.Path(os.environ.get("GANGPLANK", ROOT / "target" / "debug" / "gangplank"))

HEADER_BLOCK = 4096  # nginx's proxy_buffer_size on every machine with 4 KiB pages
COOKIE = 3584  # what this project allows itself


_given_ports = set()


def free_port():
    """A port for a server that can't choose one itself: never the same twice, and none that the kernel gives to others."""
    while True:
        port = random.randrange(15_000, 32_000)
        if port in _given_ports:
            continue
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given_ports.add(port)
        return port


def eventually(what, check, seconds=15, pause=0.05):
    """Asks again until `check` gives something true; says for how long it has asked when it gives up."""
    began = time.monotonic()
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() - began > seconds:
            raise AssertionError(f"{what}: not within {seconds} s, last seen {value!r}")
        time.sleep(pause)


def listening(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
        return True
    return False


class Process:
    """A child whose output is kept, and which does not outlive the test."""

    def __init__(self, *command, env=None, cwd=None):
        self.command = [str(c) for c in command]
        self.child = subprocess.Popen(
            self.command, cwd=cwd, env={**os.environ, **(env or {})}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        self.lines = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.child.stdout:
            self.lines.append(line.rstrip("\n"))

    def output(self):
        return "\n".join(self.lines)

    def wait_for(self, pattern, seconds=20):
        def look():
            found = re.search(pattern, self.output(), re.MULTILINE)
            if not found and self.child.poll() is not None:
                raise AssertionError(f"{self.command} ended with {self.child.returncode}:\n{self.output()}")
            return found
        try:
            return eventually(f"{pattern!r} in the output of {self.command[0]}", look, seconds)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.output()}") from None

    def stop(self, how=signal.SIGTERM, seconds=30):
        if self.child.poll() is None:
            self.child.send_signal(how)
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
                raise AssertionError(f"{self.command} did not stop:\n{self.output()}") from None
        self.reader.join(5)
        return self.child.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class EchoApp(contextlib.AbstractContextManager):
    """An app that answers with the request it got, as JSON; `/events` is a server-sent event stream."""

    def __enter__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                if self.path.startswith("/events"):
                    return self.events()
                body = json.dumps({"path": self.path, "headers": [[k, v] for k, v in self.headers.items()]}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def events(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                with contextlib.suppress(OSError):
                    for n in range(600):
                        self.wfile.write(f"data: {n}\n\n".encode())
                        self.wfile.flush()
                        time.sleep(0.1)
                self.close_connection = True

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Answer:
    def __init__(self, url, response, body):
        self.url, self.status, self.body = url, response.status, body
        self.headers = response.headers
        # The status line, every header line, and the empty line, as nginx counts them.
        self.block = len(f"HTTP/1.1 {response.status} {response.reason}\r\n") + 2 + sum(
            len(k) + len(v.encode("latin-1", "replace")) + 4 for k, v in response.headers.items())

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.body)


class Form(html.parser.HTMLParser):
    """The forms and links of a page: enough to press buttons without JavaScript."""

    def __init__(self, text):
        super().__init__()
        self.forms, self.links = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        if tag == "form":
            self.forms.append({"action": a.get("action", ""), "method": a.get("method", "get").lower(), "fields": [], "buttons": []})
        elif tag == "a" and "href" in a:
            self.links.append(a["href"])
        elif self.forms and tag == "input" and a.get("name"):
            kind = a.get("type", "text")
            (self.forms[-1]["buttons"] if kind == "submit" else self.forms[-1]["fields"]).append((a["name"], a.get("value", "")))
        elif self.forms and tag == "button" and a.get("name"):
            self.forms[-1]["buttons"].append((a["name"], a.get("value", "")))


class Browser:
    """Follows redirects, keeps cookies by host and path, and remembers what it saw of headers and cookies."""

    def __init__(self, accept="text/html,application/xhtml+xml"):
        self.accept, self.jar, self.seen = accept, {}, []

    def cookies_for(self, host, path):
        return {name: value for (h, name, p), value in self.jar.items() if h == host and path.startswith(p)}

    def request(self, url, method="GET", body=None, headers=None):
        u = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(u.hostname, u.port or 80, timeout=20)
        path = (u.path or "/") + (f"?{u.query}" if u.query else "")
        sent = {"Host": u.netloc, "Accept": self.accept, **(headers or {})}
        cookies = self.cookies_for(u.hostname, u.path or "/")
        if cookies:
            sent["Cookie"] = "; ".join(f"{k}={v}" for k, v in cookies.items())
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        answer = Answer(url, response, response.read())
        connection.close()
        for line in response.headers.get_all("Set-Cookie") or []:
            self.keep(u.hostname, line)
        self.seen.append(answer)
        return answer

    def keep(self, host, line):
        first, *attributes = [part.strip() for part in line.split(";")]
        name, _, value = first.partition("=")
        a = {k.lower(): v for k, _, v in (x.partition("=") for x in attributes)}
        key = (host, name, a.get("path", "/"))
        if a.get("max-age") == "0" or value == "":
            self.jar.pop(key, None)
        else:
            self.jar[key] = value

    def go(self, url, method="GET", body=None, headers=None, hops=15):
        answer = self.request(url, method, body, headers)
        while answer.status in (301, 302, 303, 307, 308) and hops:
            hops -= 1
            url = urllib.parse.urljoin(answer.url, answer.headers["Location"])
            answer = self.request(url)
        assert hops, f"a redirect loop, last at {url}"
        return answer

    def submit(self, answer, form, extra=()):
        fields = urllib.parse.urlencode([*form["fields"], *extra])
        url = urllib.parse.urljoin(answer.url, form["action"] or answer.url)
        if form["method"] == "post":
            origin = "{0.scheme}://{0.netloc}".format(urllib.parse.urlsplit(answer.url))
            return self.go(url, "POST", fields, {"Origin": origin, "Sec-Fetch-Site": "same-origin"})
        return self.go(f"{url}{'&' if '?' in url else '?'}{fields}")

    def pick_user(self, answer, user):
        """On the dev tenant's page: presses the button of this user."""
        for form in Form(answer.text).forms:
            for name, value in [*form["buttons"], *form["fields"]]:
                if value == user or value.startswith(user + "@"):
                    button = [(name, value)] if (name, value) in form["buttons"] else []
                    return self.submit(answer, form, button)
        raise AssertionError(f"no {user} on the page {answer.url}:\n{answer.text[:2000]}")

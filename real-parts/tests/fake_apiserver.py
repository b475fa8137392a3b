"""An API server of our own, over TLS: it judges every header it gets, and offers what kubectl's commands need.

What it keeps: config maps, which can be watched, and one pod. Commands in the pod are run on this machine, in `home`; a port
of the pod is a port of loopback. It asks for a client certificate and takes it for the better evidence, as a real one does.
"""

import base64
import contextlib
import hashlib
import json
import queue
import socket
import ssl
import struct
import subprocess
import threading
import time
import urllib.parse

from spdy import Connection

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "default", "uid": "1"},
       "spec": {"containers": [{"name": "app", "image": "app"}]},
       "status": {"phase": "Running", "containerStatuses": [{"name": "app", "ready": True, "restartCount": 0}]}}
PODS = {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["get", "list"]}
CONFIG_MAPS = {"name": "configmaps", "singularName": "configmap", "namespaced": True, "kind": "ConfigMap",
               "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"]}
SECRETS = {"name": "secrets", "singularName": "secret", "namespaced": True, "kind": "Secret", "verbs": ["list"]}


class Request:
    def __init__(self, method, target, headers, body, certificate):
        self.method, self.target, self.headers, self.body, self.certificate = method, target, headers, body, certificate
        split = urllib.parse.urlsplit(target)
        self.path, self.query = split.path, urllib.parse.parse_qs(split.query)

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def one(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} {len(values)} times"
        return values[0] if values else None

    def flag(self, name):
        return self.query.get(name, ["false"])[0] in ("true", "1")


def by_impersonation(token):
    """Whoever shows our token, and only with the name of somebody else."""
    def judge(request):
        assert request.one("authorization") == f"Bearer {token}", "not the gate"
        user = request.one("impersonate-user")
        assert user, "the gate, for nobody"
        return user, request.all("impersonate-group")
    return judge


def by_token(known):
    """Whoever shows a token of these people; of nobody else there may be any word."""
    def judge(request):
        assert not [key for key, _ in request.headers if key.lower().startswith("impersonate")], "told as somebody"
        return known[request.one("authorization").removeprefix("Bearer ")], []
    return judge


def by_our_own(token):
    """The gate itself, whoever calls."""
    def judge(request):
        assert not [key for key, _ in request.headers if key.lower().startswith("impersonate")], "told as somebody"
        assert request.one("authorization") == f"Bearer {token}"
        return "gate", []
    return judge


class ApiServer(contextlib.AbstractContextManager):
    """`.seen` are the requests with whom they are of; `.wrong` is what no header may say."""

    def __init__(self, certificate, key, authority, home, judge, admits=lambda user, groups: True):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.context.load_verify_locations(authority)
        self.context.verify_mode = ssl.CERT_OPTIONAL
        self.home, self.judge, self.admits = home, judge, admits
        self.config_maps, self.watchers, self.lock, self.version = {}, [], threading.Lock(), 1
        self.seen, self.wrong, self.open = [], [], 0

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.base = f"https://127.0.0.1:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                tcp, _ = self.listener.accept()
                tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self.connection, args=(tcp,), daemon=True).start()

    def connection(self, tcp):
        with contextlib.suppress(OSError, EOFError, ssl.SSLError), self.context.wrap_socket(tcp, server_side=True) as tls:
            wire = Wire(tls)
            while request := wire.request(bool(tls.getpeercert())):
                self.answer(wire, request)

    def who(self, request):
        """Whose request it is. What may not be there is noted, and nobody's."""
        try:
            names = [key.lower() for key, _ in request.headers]
            for name in names:
                assert not name.replace("_", "-").startswith(("x-remote", "x-auth-request")), name
                assert name == name.replace("_", "-"), name
            for value in request.all("sec-websocket-protocol"):
                assert "bearer" not in value, value
            assert request.one("host") == f"127.0.0.1:{self.port}", request.one("host")
            user, groups = self.judge(request)
            self.seen.append((user, request))
            return user, groups
        except (AssertionError, KeyError, AttributeError) as wrong:
            self.wrong.append(f"{request.method} {request.target}: {wrong!r}")
            return None, []

    def answer(self, wire, request):
        user, groups = self.who(request)
        if user is None:
            return wire.status(401, "Unauthorized", "Unauthorized")
        if not self.admits(user, groups) and not request.path.startswith(("/api", "/version", "/openapi")) \
                or request.path.endswith("/secrets"):
            return wire.status(403, "Forbidden", f'User "{user}" cannot do that')
        parts = request.path.strip("/").split("/")
        if parts == ["version"]:
            return wire.json({"major": "1", "minor": "33", "gitVersion": "v1.33.0"})
        if parts == ["api"]:
            return wire.json({"kind": "APIVersions", "versions": ["v1"]})
        if parts == ["apis"]:
            return wire.json({"kind": "APIGroupList", "apiVersion": "v1", "groups": []})
        if parts == ["api", "v1"]:
            return wire.json({"kind": "APIResourceList", "groupVersion": "v1", "resources": [PODS, CONFIG_MAPS, SECRETS]})
        if parts == ["redirect"]:
            return wire.send(b"", 301, [("Location", f"{self.base}/version")])
        if parts[:4] == ["api", "v1", "namespaces", "default"] and not self.admits(user, groups):
            return wire.status(403, "Forbidden", f'User "{user}" cannot {request.method.lower()} {parts[-1]}')
        match parts[4:]:
            case ["pods"]:
                return wire.json({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": [POD]})
            case ["pods", "web"]:
                return wire.json(POD)
            case ["pods", "web", "log"]:
                return self.log(wire, request)
            case ["pods", "web", "exec"]:
                return self.upgraded(wire, request, self.exec_by_web_socket, self.exec_by_spdy, "v5.channel.k8s.io", "v4.channel.k8s.io")
            case ["pods", "web", "portforward"]:
                return self.upgraded(wire, request, self.forward_by_web_socket, self.forward_by_spdy,
                                     "SPDY/3.1+portforward.k8s.io", "portforward.k8s.io")
            case ["configmaps", *name]:
                return self.config_map(wire, request, *name)
        return wire.status(404, "NotFound", "the server could not find the requested resource")

    def config_map(self, wire, request, name=None):
        if request.method == "GET" and request.flag("watch"):
            return self.watch(wire)
        if request.method == "GET" and name is None:
            return wire.json({"kind": "ConfigMapList", "apiVersion": "v1", "metadata": {"resourceVersion": str(self.version)},
                              "items": list(self.config_maps.values())})
        if request.method == "GET":
            found = self.config_maps.get(name)
            return wire.json(found) if found else wire.status(404, "NotFound", f'configmaps "{name}" not found')
        with self.lock:
            self.version += 1
            change = json.loads(request.body)
            kind = "ADDED" if request.method == "POST" else "MODIFIED"
            made = change if request.method == "POST" else {**self.config_maps[name]}
            if request.method == "PATCH":
                made["data"] = {**made.get("data", {}), **change.get("data", {})}
                made["metadata"]["annotations"] = {**made["metadata"].get("annotations", {}),
                                                   **change.get("metadata", {}).get("annotations", {})}
            made["metadata"]["resourceVersion"] = str(self.version)
            self.config_maps[made["metadata"]["name"]] = made
            for watcher in self.watchers:
                watcher.put({"type": kind, "object": made})
        return wire.json(made, 201 if request.method == "POST" else 200)

    def watch(self, wire):
        events = queue.Queue()
        self.watchers.append(events)
        with wire.chunked("application/json") as write:
            while True:
                write(json.dumps(events.get()).encode() + b"\n")

    def log(self, wire, request):
        with wire.chunked("text/plain") as write:
            for n in range(1, 4 if not request.flag("follow") else 10_000):
                write(f"line {n}\n".encode())
                time.sleep(0.1)

    def upgraded(self, wire, request, web_socket, spdy, protocol, stream_version):
        if (request.one("upgrade") or "").lower() == "websocket":
            offered = [p.strip() for value in request.all("sec-websocket-protocol") for p in value.split(",")]
            if protocol not in offered:
                return wire.status(400, "BadRequest", f"none of {offered}")
            key = hashlib.sha1((request.one("sec-websocket-key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
            wire.switch([("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Protocol", protocol),
                         ("Sec-WebSocket-Accept", base64.b64encode(key).decode())])
            run = lambda: web_socket(WebSocket(wire), request)
        elif request.one("upgrade") == "SPDY/3.1":
            wire.switch([("Upgrade", "SPDY/3.1"), ("Connection", "Upgrade"), ("X-Stream-Protocol-Version", stream_version)])
            run = lambda: spdy(wire.read, wire.write, request)
        else:
            return wire.status(400, "BadRequest", "no upgrade")
        self.open += 1
        try:
            run()
        finally:
            self.open -= 1
        raise EOFError

    def command(self, request):
        return subprocess.Popen(request.query["command"], cwd=self.home, bufsize=0, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def exec_by_web_socket(self, web_socket, request):
        child = self.command(request)
        if not request.flag("stdin"):
            child.stdin.close()
        readers = [threading.Thread(target=pump, args=(pipe, lambda data, n=n: web_socket.send(bytes([n]) + data)), daemon=True)
                   for n, pipe in ((1, child.stdout), (2, child.stderr))]
        for reader in readers:
            reader.start()

        def ended():
            for reader in readers:
                reader.join()
            web_socket.send(b"\x03" + json.dumps(outcome(child.wait())).encode())
            web_socket.close()

        threading.Thread(target=ended, daemon=True).start()
        try:
            while (message := web_socket.receive()) is not None:
                if message[0] == 0:
                    with contextlib.suppress(OSError):
                        child.stdin.write(message[1:])
                elif message[0] == 255 and message[1] == 0:
                    child.stdin.close()
        finally:
            child.kill()

    def exec_by_spdy(self, receive, send, request):
        streams, all_there = {}, threading.Event()
        wanted = {"error"} | {name for name in ("stdin", "stdout", "stderr") if request.flag(name)}

        def opened(stream):
            streams[stream.headers["streamtype"]] = stream
            if wanted <= set(streams):
                all_there.set()

        def run():
            all_there.wait(20)
            child = self.command(request)
            pumps = [threading.Thread(target=pump, args=(pipe, streams[name].write), daemon=True)
                     for name, pipe in (("stdout", child.stdout), ("stderr", child.stderr)) if name in streams]
            for thread in pumps:
                thread.start()
            if "stdin" in streams:
                threading.Thread(target=drain, args=(streams["stdin"], child.stdin), daemon=True).start()
            else:
                child.stdin.close()
            for thread in pumps:
                thread.join()
            streams["error"].write(json.dumps(outcome(child.wait())).encode())
            for name in ("stdout", "stderr", "error"):
                if name in streams:
                    streams[name].close()

        threading.Thread(target=run, daemon=True).start()
        Connection(receive, send, opened).run()

    def forward_by_spdy(self, receive, send, _):
        errors = {}

        def opened(stream):
            request = stream.headers["requestid"]
            if stream.headers["streamtype"] == "error":
                errors[request] = stream
                return
            # kubectl may be gone before the last of it.
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", int(stream.headers["port"]))) as tcp:
                there = threading.Thread(target=drain, args=(stream, tcp.makefile("wb", buffering=0)), daemon=True)
                there.start()
                while data := tcp.recv(1 << 15):
                    stream.write(data)
                stream.close()
                errors[request].close()

        Connection(receive, send, opened).run()

    def forward_by_web_socket(self, web_socket, request):
        self.forward_by_spdy(web_socket.read, web_socket.send, request)


def outcome(code):
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {"metadata": {}, "status": "Failure", "reason": "NonZeroExitCode", "message": f"command terminated with exit code {code}",
            "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]}}


def pump(pipe, write):
    with contextlib.suppress(OSError, ssl.SSLError):
        while data := pipe.read(1 << 15):
            write(data)


def drain(stream, to):
    with contextlib.suppress(OSError):
        while (data := stream.read()) is not None:
            to.write(data)
        to.close()


class Wire:
    """HTTP/1.1 on one connection."""

    def __init__(self, tls):
        self.tls, self.buffer, self.lock = tls, b"", threading.Lock()

    def read(self, count):
        while len(self.buffer) < count:
            more = self.tls.recv(1 << 16)
            if not more:
                raise EOFError
            self.buffer += more
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def write(self, data):
        with self.lock:
            self.tls.sendall(data)

    def line(self):
        while b"\r\n" not in self.buffer:
            more = self.tls.recv(1 << 16)
            if not more:
                raise EOFError
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode("latin-1")

    def request(self, certificate):
        method, target, _ = self.line().split(" ")
        headers = []
        while line := self.line():
            name, _, value = line.partition(":")
            headers.append((name, value.strip()))
        request = Request(method, target, headers, b"", certificate)
        if "chunked" in "".join(request.all("transfer-encoding")).lower():
            while size := int(self.line(), 16):
                request.body += self.read(size)
                self.line()
            while self.line():
                pass
        elif length := request.one("content-length"):
            request.body = self.read(int(length))
        return request

    def head(self, code, headers):
        lines = [f"HTTP/1.1 {code} X", *(f"{name}: {value}" for name, value in headers), "", ""]
        self.write("\r\n".join(lines).encode())

    def send(self, body, code=200, headers=()):
        self.head(code, [("Content-Length", len(body)), *headers])
        self.write(body)

    def json(self, value, code=200):
        self.send(json.dumps(value).encode(), code, [("Content-Type", "application/json")])

    def status(self, code, reason, message):
        self.json({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": reason,
                   "message": message, "code": code}, code)

    def switch(self, headers):
        self.head(101, headers)

    @contextlib.contextmanager
    def chunked(self, kind):
        self.head(200, [("Content-Type", kind), ("Transfer-Encoding", "chunked")])
        yield lambda data: self.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.write(b"0\r\n\r\n")


class WebSocket:
    """Messages on a wire, as a server has them (RFC 6455). `.read` has the octets of all of them in a row."""

    def __init__(self, wire):
        self.wire, self.buffer = wire, b""

    def receive(self):
        """The next message, None at the end."""
        message = b""
        while True:
            first, second = self.wire.read(2)
            length = second & 0x7F
            if length == 126:
                length = struct.unpack(">H", self.wire.read(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", self.wire.read(8))[0]
            mask = self.wire.read(4) if second & 0x80 else b"\0\0\0\0"
            data = self.wire.read(length) if length else b""
            data = bytes(b ^ mask[i % 4] for i, b in enumerate(data)) if any(mask) else data
            kind = first & 0x0F
            if kind == 8:
                return None
            if kind == 9:
                self.frame(10, data)
            elif kind in (0, 1, 2):
                message += data
                if first & 0x80:
                    return message

    def read(self, count):
        while len(self.buffer) < count:
            message = self.receive()
            if message is None:
                raise EOFError
            self.buffer += message
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def send(self, data):
        self.frame(2, data)

    def close(self):
        self.frame(8, struct.pack(">H", 1000))

    def frame(self, kind, data):
        length = len(data)
        size = bytes([length]) if length < 126 else b"\x7e" + struct.pack(">H", length) if length < 1 << 16 else \
            b"\x7f" + struct.pack(">Q", length)
        self.wire.write(bytes([0x80 | kind]) + size + data)

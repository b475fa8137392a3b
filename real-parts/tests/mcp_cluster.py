"""An API server that answers what kubernetes-mcp-server asks, over TLS, and remembers who asked with which headers."""

import contextlib
import http.server
import json
import ssl
import threading

from authority import Authority

CORE = {"kind": "APIResourceList", "groupVersion": "v1", "resources": [
    {"name": "namespaces", "singularName": "namespace", "namespaced": False, "kind": "Namespace", "verbs": ["get", "list"]},
    {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["get", "list"]}]}


class RecordingCluster(contextlib.AbstractContextManager):
    """`.name` is that of its one namespace, too, so an answer tells which cluster gave it. `.asked` is what came."""

    def __init__(self, directory, name):
        self.name, self.asked = name, []
        self.authority = Authority(directory, name)

    def __enter__(self):
        cluster = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                if length := int(self.headers.get("Content-Length") or 0):
                    self.rfile.read(length)
                headers = [(name.lower(), value) for name, value in self.headers.items()]
                cluster.asked.append((self.command, self.path, headers))
                document = cluster.documents().get(self.path.split("?")[0])
                body = json.dumps(document or {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404}).encode()
                self.send_response(200 if document else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.authority.server("api"))
        # The handshake belongs to the connection's own thread: one that never comes must not hold up the others.
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def documents(self):
        metadata = {"name": self.name, "uid": self.name, "creationTimestamp": "2026-01-01T00:00:00Z"}
        namespace = {"kind": "Namespace", "apiVersion": "v1", "metadata": metadata, "status": {"phase": "Active"}}
        return {
            "/version": {"major": "1", "minor": "33", "gitVersion": "v1.33.0"},
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
            "/api/v1": CORE,
            "/api/v1/namespaces": {"kind": "NamespaceList", "apiVersion": "v1", "metadata": {}, "items": [namespace]},
        }

    def authorizations(self):
        """Every `Authorization` that came, and None for a request that had none."""
        return [dict(headers).get("authorization") for _, _, headers in self.asked]


def kubeconfig(path, clusters, credentials=None):
    """Contexts named after the clusters, the first of them current; `credentials` are of the user of all of them."""
    path.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": clusters[0].name,
        "clusters": [{"name": c.name, "cluster": {
            "server": c.url, "certificate-authority": str(c.authority.certificate)}} for c in clusters],
        "contexts": [{"name": c.name, "context": {"cluster": c.name, "user": "own"}} for c in clusters],
        "users": [{"name": "own", "user": credentials or {}}],
    }))
    return path

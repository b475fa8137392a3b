"""An OpenID provider that signs whatever a test asks for, well-formed or not."""

import base64
import contextlib
import http.server
import json
import ssl
import threading
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

ALGORITHMS = get_default_algorithms()
AUDIENCE = "gangplank-tests"


def encode(part):
    raw = part if isinstance(part, bytes) else json.dumps(part, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def public_pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


class Issuer(contextlib.AbstractContextManager):
    """Publishes `rsa`, `ec` and, not for signatures, `encryption`; the other keys are nobody's."""

    UNPUBLISHED = rsa.generate_private_key(65537, 2048)

    def __init__(self, certificate, key):
        self.certificate, self.key = certificate, key
        self.keys = {"rsa": rsa.generate_private_key(65537, 2048), "ec": ec.generate_private_key(ec.SECP256R1()),
                     "encryption": rsa.generate_private_key(65537, 2048)}
        self.ed25519 = ed25519.Ed25519PrivateKey.generate()
        self.pages = {}  # by path, beside the documents below

    def __enter__(self):
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = issuer.pages.get(self.path) or json.dumps(issuer.documents().get(self.path)).encode()
                self.send_response(404 if body == b"null" else 200)
                self.send_header("Content-Type", "application/json" if body.startswith(b"{") else "application/jwt")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def documents(self):
        keys = []
        for name, key in self.keys.items():
            jwk = ALGORITHMS["ES256" if name == "ec" else "RS256"].to_jwk(key.public_key(), as_dict=True)
            jwk.pop("key_ops", None)
            keys.append({**jwk, "kid": name, "use": "enc" if name == "encryption" else "sig"})
        return {
            "/.well-known/openid-configuration": {
                "issuer": self.url, "jwks_uri": f"{self.url}/keys", "authorization_endpoint": f"{self.url}/authorize",
                "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256", "ES256"]},
            "/keys": {"keys": keys},
        }

    def claims(self, **changed):
        """Those of a good token. What is changed to None is left out."""
        now = int(time.time())
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": "u-1", "exp": now + 600, "iat": now, **changed}
        return {name: value for name, value in claims.items() if value is not None}

    def sign(self, payload, algorithm="RS256", key=None, **header):
        """`payload` is claims or bytes. What is None in the header is left out."""
        published = "ec" if algorithm.startswith("ES") else "rsa"
        header = {"alg": algorithm, "typ": "JWT", "kid": published, **header}
        header = {name: value for name, value in header.items() if value is not None}
        signed = f"{encode(header)}.{encode(payload)}"
        signature = b"" if algorithm == "none" else ALGORITHMS[algorithm].sign(signed.encode(), key or self.keys[published])
        return f"{signed}.{encode(signature)}"

    def token(self, **changed):
        return self.sign(self.claims(**changed))

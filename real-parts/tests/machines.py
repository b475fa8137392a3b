"""Applications that sign in by themselves, and the tenant that knows them: for the libraries of Microsoft."""

import base64
import contextlib
import datetime
import hashlib
import json
import time

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from deployments import TENANT_ID, tenant
from parts import Form

SECRET = "loopback-secret"
BATCH = "5f0c1a1e-0000-4000-8000-0000000000b1"
WORKER = "5f0c1a1e-0000-4000-8000-0000000000b2"
POD = "5f0c1a1e-0000-4000-8000-0000000000b3"
MIDDLE = "5f0c1a1e-0000-4000-8000-0000000000b4"
BEHIND = "5f0c1a1e-0000-4000-8000-0000000000b5"
TERMINAL = "5f0c1a1e-0000-4000-8000-0000000000b6"
CLUSTER = "https://kubernetes.default.svc.cluster.local"
SUBJECT = "system:serviceaccount:crew:pod"


class Certificate:
    """An RSA key with its certificate, in files."""

    def __init__(self, directory, name="worker"):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name_ = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        today = datetime.datetime.now(datetime.timezone.utc)
        made = (x509.CertificateBuilder().subject_name(name_).issuer_name(name_).public_key(self.key.public_key())
                .serial_number(x509.random_serial_number()).not_valid_before(today - datetime.timedelta(days=1))
                .not_valid_after(today + datetime.timedelta(days=30)).sign(self.key, hashes.SHA256()))
        self.sha1 = made.fingerprint(hashes.SHA1()).hex().upper()
        self.pem = made.public_bytes(serialization.Encoding.PEM).decode()
        self.key_pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
        self.certificate_file, self.both_file = directory / f"{name}.crt", directory / f"{name}.pem"
        self.certificate_file.write_text(self.pem)
        self.both_file.write_text(self.key_pem + self.pem)


class Cluster:
    """A cluster's issuer of service account tokens, whose keys the tenant is given beforehand."""

    def __init__(self):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        numbers = self.key.public_key().public_numbers()
        text = lambda n: b64(n.to_bytes((n.bit_length() + 7) // 8, "big"))
        self.kid = b64(hashlib.sha256(str(numbers.n).encode()).digest())
        self.jwks = json.dumps({"keys": [
            {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.kid, "n": text(numbers.n), "e": text(numbers.e)}]})

    def token(self, subject=SUBJECT, **changes):
        now = int(time.time())
        claims = {"iss": CLUSTER, "sub": subject, "aud": ["api://AzureADTokenExchange"], "iat": now, "nbf": now,
                  "exp": now + 3600, "kubernetes.io": {"namespace": "crew"}, **changes}
        signed = f"{b64(json.dumps({'alg': 'RS256', 'kid': self.kid}).encode())}.{b64(json.dumps(claims).encode())}"
        return f"{signed}.{b64(self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def header_of(token):
    return part_of(token, 0)


def claims_of(token):
    return part_of(token, 1)


def part_of(token, index):
    part = (token if isinstance(token, str) else token.decode()).split(".")[index]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class Machines:
    """The tenant over TLS. `.host` is the authority's root, `.authority` has the tenant in it."""

    @classmethod
    @contextlib.contextmanager
    def running(cls, directory, monkeypatch):
        self = cls()
        self.certificate, self.cluster = Certificate(directory), Cluster()
        ca = directory / "ca.crt"
        with tenant(directory, "--tls", "--ca-out", ca, more=self.applications()) as self.process:
            # The libraries take their authorities from these variables even where they are told otherwise.
            for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
                monkeypatch.setenv(name, str(ca))
            self.host = f"https://localhost:{self.process.base.rsplit(':', 1)[1]}"
            self.authority = f"{self.host}/{TENANT_ID}"
            yield self

    def applications(self):
        secret = '[{ env = "WEB_SECRET" }]'
        return f"""
[[applications]]
name = "Batch"
id = "{BATCH}"
secrets = {secret}
groups = ["crew"]
more_groups = 249
graph_permissions = ["User.Read.All", "GroupMember.Read.All", "Application.Read.All"]

[[applications]]
name = "Worker"
id = "{WORKER}"
certificates = [{{ file = "{self.certificate.certificate_file}" }}]

[[applications]]
name = "Pod"
id = "{POD}"
federated_credentials = [{{ issuer = "{CLUSTER}", subject = "{SUBJECT}", jwks = '''{self.cluster.jwks}''' }}]

[[applications]]
name = "Middle"
id = "{MIDDLE}"
identifier_uris = ["api://middle"]
scopes = ["access_as_user"]
secrets = {secret}
certificates = [{{ file = "{self.certificate.certificate_file}" }}]
requested_access_token_version = 2

[[applications]]
name = "Behind"
id = "{BEHIND}"
identifier_uris = ["api://behind"]
scopes = ["read"]
requested_access_token_version = 2
idtyp = true
roles = {{ Reader = ["Batch", "Worker", "Pod"] }}
mfa = ["bob"]

[[applications]]
name = "Terminal"
id = "{TERMINAL}"
public = true
redirect_uris = ["http://localhost"]
"""

    def counts(self):
        return requests.get(f"{self.host}/dev/faults").json()["counts"]

    def approve(self, address, user_code, user="alice"):
        """What a person does with a device's code."""
        form, = Form(requests.get(address).text).forms
        button, = [value for name, value in form["buttons"] if name == "username" and value.startswith(user + "@")]
        answer = requests.post(requests.compat.urljoin(address, form["action"]), {"user_code": user_code, "username": button})
        assert answer.status_code == 200, answer.text


def sign_in(app, user, scopes, claims=None):
    """What a browser does, with the response posted back as MSAL demands."""
    flow = app.initiate_auth_code_flow(
        scopes, redirect_uri="http://localhost/oauth2/callback", response_mode="form_post", claims_challenge=claims)
    assert "error" not in flow, flow
    http = requests.Session()
    page = http.get(flow["auth_uri"])
    while True:
        assert page.status_code == 200, page.text
        for form in Form(page.text).forms:
            names = dict(form["fields"])
            if "code" in names:
                assert form["action"] == "http://localhost/oauth2/callback"
                return app.acquire_token_by_auth_code_flow(flow, names)
            mine = [pair for pair in [*form["buttons"], *form["fields"]] if pair[1].startswith(user)]
            if mine:
                page = http.post(requests.compat.urljoin(page.url, form["action"]), data=[*form["fields"], *mine])
                break
        else:
            raise AssertionError(page.text)

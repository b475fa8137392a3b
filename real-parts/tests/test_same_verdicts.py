"""One table of tokens for two judges: kube-apiserver's own OpenID Connect authenticator, and `gangplank token-review`.

The API server that can be built here knows no AuthenticationConfiguration (it came with 1.29). Its `--oidc-*` flags are
the same authenticator under another name: what they say is what the entry below says, and so must the verdicts be.
"""

import json
import os
import subprocess

import pytest

from apiserver import API_SERVER, api_server
from issuer import AUDIENCE, Issuer
from parts import ROOT, eventually, free_port
from token_table import EMAIL_TOKENS, NO, STRICTER, SUBJECT_TOKENS, elsewhere, now
from webhook import authentication_configuration, guide_certificates, webhook, webhook_kubeconfig

RECORDINGS = ROOT / "crates" / "authn" / "tests" / "data" / "kube-apiserver"

pytestmark = pytest.mark.kube_apiserver

# What the API server of the same file accepts, too: the flags would take RS256 alone.
ALGORITHMS = "RS256,RS384,RS512,ES256,ES384,ES512,PS256,PS384,PS512"

BY_SUBJECT = {
    "username": {"claim": "sub", "prefix": "corp:"}, "groups": {"claim": "groups", "prefix": "team:"},
}
BY_EMAIL = {
    "username": {"claim": "email", "prefix": ""}, "groups": {"claim": "groups", "prefix": ""},
}


def entry(issuer, ca, mappings):
    return {
        "issuer": {"url": issuer.url, "certificateAuthority": ca, "audiences": [AUDIENCE]},
        "claimMappings": mappings,
        "claimValidationRules": [{"claim": "realm", "requiredValue": "test"}],
    }


def flags(issuer, ca, mappings):
    """The same for the flags. A prefix of `-` is none."""
    username, groups = mappings["username"], mappings["groups"]
    return ["--oidc-issuer-url", issuer.url, "--oidc-ca-file", ca, "--oidc-client-id", AUDIENCE,
            "--oidc-username-claim", username["claim"], "--oidc-username-prefix", username["prefix"] or "-",
            "--oidc-groups-claim", groups["claim"], "--oidc-groups-prefix", groups["prefix"],
            "--oidc-required-claim", "realm=test", "--oidc-signing-algs", ALGORITHMS]


MAPPINGS = {"subject": (BY_SUBJECT, SUBJECT_TOKENS), "email": (BY_EMAIL, EMAIL_TOKENS)}


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_both_say_the_same_of_every_token(kubernetes, mapping):
    mappings, tokens = MAPPINGS[mapping]
    directory, authority = kubernetes.directory, kubernetes.authority
    port, files = free_port(), guide_certificates(directory)
    kubeconfig = webhook_kubeconfig(files, port)
    with Issuer(*authority.server("table")) as issuer:
        configuration = authentication_configuration(entry(issuer, authority.pem(), mappings))
        with webhook(files, port, configuration), \
                api_server(directory, authority, kubernetes.etcd, *flags(issuer, authority.certificate, mappings)) as real, \
                api_server(directory, authority, kubernetes.etcd, "--authentication-token-webhook-config-file", kubeconfig,
                           "--authentication-token-webhook-version=v1") as asking:
            # It discovers an issuer in the background, once for its tokens and once, when first needed, for groups elsewhere.
            first = elsewhere(issuer, issuer.token(groups=["a"]), email="first@example.com")
            eventually("the API server has discovered the issuer", lambda: real.who(first), 40, 0.5)
            wrong, different, answers = [], [], []
            for what, (verdict, make) in tokens.items():
                token = make(issuer)
                theirs, ours = real.who(token), asking.who(token)
                answers.append({"what": what, "verdict": verdict, "user": theirs, "token": token})
                if (theirs is None) != (verdict == NO):
                    wrong.append(f"{what}: should be {verdict}, the API server has {theirs}")
                expected = None if verdict == STRICTER or theirs is None else {
                    **theirs, "groups": [group for group in theirs["groups"] if group]}
                if ours != expected:
                    different.append(f"{what}: {verdict}; the API server has {theirs}, Gangplank {ours}")
        assert not wrong, "\n".join(wrong)
        if os.environ.get("GANGPLANK_BLESS"):
            record(mapping, configuration, issuer, answers)
        assert not different, "\n".join(different)


def record(mapping, configuration, issuer, answers):
    """What `cargo test` holds the authenticator to without an API server: tokens, keys, and what the API server made of them."""
    version = subprocess.run([API_SERVER, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    web = {path: json.dumps(document) for path, document in issuer.documents().items()}
    web.update({path: page.decode() for path, page in issuer.pages.items() if page})
    bases = [issuer.url, issuer.url.replace("localhost", "127.0.0.1")]
    recording = {"judge": version, "now": now(0), "configuration": json.loads(configuration),
                 "web": {base + path: body for base in bases for path, body in web.items()}, "tokens": answers}
    RECORDINGS.mkdir(parents=True, exist_ok=True)
    (RECORDINGS / f"{mapping}.json").write_text(json.dumps(recording, indent=1) + "\n")

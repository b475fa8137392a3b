"""Tokens, and what kube-apiserver says of each. Where this project is stricter, the list is in `crates/authn/src/kubernetes.rs`."""

import json
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from issuer import ALGORITHMS, AUDIENCE, Issuer, encode, public_pem

YES, NO = "accepted", "refused"
STRICTER = "accepted by the API server only"


def claims(issuer, **changed):
    return issuer.claims(**{"realm": "test", "groups": ["a", "b"], **changed})


def said(**changed):
    return lambda issuer: issuer.sign(claims(issuer, **changed))


def null(name):
    return lambda issuer: issuer.sign(json.dumps({**claims(issuer), name: None}).encode())


def signed(algorithm, key=None, **header):
    return lambda issuer: issuer.sign(claims(issuer), algorithm, key and key(issuer), **header)


def now(seconds):
    return int(time.time()) + seconds


def elsewhere(issuer, answer, host="localhost", **changed):
    """A token that has its groups at an address, and what is to be found there."""
    path = f"/claims/{len(issuer.pages)}"
    issuer.pages[path] = answer and answer.encode()
    source = {"endpoint": issuer.url.replace("localhost", host) + path, "access_token": "for-the-claims"}
    return issuer.sign(claims(
        issuer, groups=None, _claim_names={"groups": "src1"}, _claim_sources={"src1": source}, **changed))


def short_salt(issuer):
    signed = issuer.sign(claims(issuer), "PS256").rsplit(".", 1)[0]
    padding_ = padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=8)
    return f"{signed}.{encode(issuer.keys['rsa'].sign(signed.encode(), padding_, hashes.SHA256()))}"


def swap_algorithm(token, algorithm, kid="ec"):
    _, rest = token.split(".", 1)
    return f"{encode({'alg': algorithm, 'kid': kid})}.{rest}"


def edited(old, new):
    """Signed as it is: the claims as JSON, with something in it replaced."""
    return lambda issuer: issuer.sign(json.dumps(claims(issuer)).encode().replace(old, new, 1))


def padded(token):
    head, payload, signature = token.split(".")
    return f"{head}.{payload}.{signature}{'=' * (-len(signature) % 4)}"


def change_payload(issuer, **changed):
    head, _, signature = issuer.sign(claims(issuer)).split(".")
    return f"{head}.{encode(claims(issuer, **changed))}.{signature}"


SUBJECT_TOKENS = {
    "as it should be": (YES, said()),
    "another subject": (YES, said(sub="u-2")),
    "no groups": (YES, said(groups=None)),
    "an empty list of groups": (YES, said(groups=[])),
    "one group, as a string": (YES, said(groups="a")),
    "the same group twice": (YES, said(groups=["a", "a"])),
    "groups that are numbers": (NO, said(groups=[1, 2])),
    "groups that are an object": (NO, said(groups={"a": "b"})),
    "no subject": (NO, said(sub=None)),
    "a subject that is a number": (NO, said(sub=7)),
    "a subject that is a list": (NO, said(sub=["u-1"])),
    "ES256": (YES, signed("ES256")),
    "PS256": (YES, signed("PS256")),
    "RS512": (YES, signed("RS512")),
    "EdDSA": (NO, signed("EdDSA", lambda issuer: issuer.ed25519)),
    "HS256 with the public key as the secret": (NO, signed("HS256", lambda issuer: public_pem(issuer.keys["rsa"]))),
    "no signature": (NO, signed("none")),
    "RS256 said, ES256 signed": (NO, lambda i: swap_algorithm(i.sign(claims(i), "ES256"), "RS256")),
    "a key of nobody": (NO, signed("RS256", lambda issuer: issuer.UNPUBLISHED)),
    "a key of nobody, and its id": (NO, signed("RS256", lambda issuer: issuer.UNPUBLISHED, kid="unknown")),
    "a known key under another id": (NO, signed("RS256", kid="unknown")),
    "a key without an id": (YES, signed("RS256", kid=None)),
    "the key of nobody, brought along": (NO, signed(
        "RS256", lambda issuer: issuer.UNPUBLISHED, jwk=ALGORITHMS["RS256"].to_jwk(Issuer.UNPUBLISHED.public_key(), as_dict=True))),
    "an algorithm in small letters": (NO, lambda i: swap_algorithm(i.sign(claims(i)), "rs256", "rsa")),
    "a key id that is a number": (NO, signed("RS256", kid=7)),
    "type at+jwt": (YES, signed("RS256", typ="at+jwt")),
    "no type": (YES, signed("RS256", typ=None)),
    "a critical header that nobody knows": (NO, signed("RS256", crit=["example"], example=True)),
    "another issuer": (NO, said(iss="https://localhost:1")),
    "the issuer with a slash": (NO, lambda i: i.sign(claims(i, iss=i.url + "/"))),
    "no issuer": (NO, said(iss=None)),
    "another audience": (NO, said(aud="elsewhere")),
    "the audience among others": (YES, said(aud=["elsewhere", AUDIENCE])),
    "an audience that begins alike": (NO, said(aud=AUDIENCE + "-2")),
    "no audience": (NO, said(aud=None)),
    "an empty list of audiences": (NO, said(aud=[])),
    "expired a minute ago": (NO, lambda i: i.sign(claims(i, exp=now(-60)))),
    "no expiry": (NO, said(exp=None)),
    "an expiry with a fraction": (YES, lambda i: i.sign(claims(i, exp=now(600) + 0.5))),
    "an expiry that is a word": (NO, said(exp="tomorrow")),
    "valid from a moment ago": (YES, lambda i: i.sign(claims(i, nbf=now(-5)))),
    "valid from in half a minute": (YES, lambda i: i.sign(claims(i, nbf=now(30)))),
    "valid from in ten minutes": (NO, lambda i: i.sign(claims(i, nbf=now(600)))),
    "issued in half a minute": (YES, lambda i: i.sign(claims(i, iat=now(30)))),
    "no time of issue": (YES, said(iat=None)),
    "another realm": (NO, said(realm="production")),
    "no realm": (NO, said(realm=None)),
    "a realm that is a list": (NO, said(realm=["test"])),
    "a distributed claim without its source": (NO, said(groups=None, _claim_names={"groups": "src1"})),
    "another distributed claim without its source": (NO, said(_claim_names={"phone": "src1"})),
    "groups kept elsewhere": (YES, lambda i: elsewhere(i, i.token(groups=["a", "c"]))),
    "groups kept elsewhere, one as a string": (YES, lambda i: elsewhere(i, i.token(groups="c"))),
    "groups kept elsewhere, for another audience": (NO, lambda i: elsewhere(i, i.token(groups=["a"], aud="elsewhere"))),
    "groups kept elsewhere, expired": (NO, lambda i: elsewhere(i, i.token(groups=["a"], exp=now(-60)))),
    "groups kept elsewhere, signed by nobody": (NO, lambda i: elsewhere(i, i.sign(claims(i), key=i.UNPUBLISHED))),
    "groups kept elsewhere, where there are none": (NO, lambda i: elsewhere(i, i.token(name="Ann"))),
    "groups kept elsewhere, where there is nothing": (NO, lambda i: elsewhere(i, None)),
    "an aggregated claim": (YES, said(groups=None, _claim_names={"groups": "s"}, _claim_sources={"s": {"JWT": "a.b.c"}})),
    "a payload that is no object": (NO, lambda i: i.sign(b'["iss"]')),
    "a payload that is no JSON": (NO, lambda i: i.sign(b"{")),
    "two parts": (NO, lambda i: i.sign(claims(i)).rsplit(".", 1)[0]),
    "four parts": (NO, lambda i: i.sign(claims(i)) + ".a"),
    "issued in ten minutes": (STRICTER, lambda i: i.sign(claims(i, iat=now(600)))),
    "an expiry in quotes": (STRICTER, lambda i: i.sign(claims(i, exp=str(now(600))))),
    "a subject twice": (STRICTER, edited(b"{", b'{"sub": "u-2", ')),
    "a subject that is no UTF-8": (STRICTER, edited(b"u-1", b"u-\xff")),
    "half a surrogate in the subject": (STRICTER, edited(b"u-1", b"u-\\ud800")),
    "something after the claims": (NO, edited(b"}", b"} x")),
    "a comment in the claims": (NO, edited(b"{", b"{/**/")),
    "an expiry beyond all numbers": (NO, edited(b'"exp": 1', b'"exp": 1e400, "was": 1')),
    "an expiry before all time": (NO, said(exp=-1)),
    "an audience that is a number among others": (NO, said(aud=[7, AUDIENCE])),
    "five parts": (NO, lambda i: i.sign(claims(i)) + ".a.b"),
    "padding": (NO, lambda i: padded(i.sign(claims(i)))),
    "the issuer in capitals": (NO, lambda i: i.sign(claims(i, iss=i.url.replace("localhost", "LOCALHOST")))),
    "an audience in capitals": (STRICTER, lambda i: i.sign(claims(i, aud=None, AUD=AUDIENCE))),
    "an empty subject": (STRICTER, said(sub="")),
    "a subject that is null": (STRICTER, null("sub")),
    "groups that are null": (YES, null("groups")),
    "a subject with a space at its end": (STRICTER, said(sub="u-1 ")),
    "a subject of two lines": (STRICTER, said(sub="u-1\nu-2")),
    "a subject of 2,000 letters": (STRICTER, said(sub="u" * 2000)),
    "a token id that is a number": (STRICTER, said(jti=7)),
    "a token that is bound to a key": (STRICTER, said(cnf={"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})),
    "a token of sign-out": (STRICTER, signed("RS256", typ="logout+jwt")),
    "PS256 with a short salt": (STRICTER, lambda i: short_salt(i)),
    "a key for encryption": (STRICTER, signed("RS256", lambda issuer: issuer.keys["encryption"], kid="encryption")),
    "groups kept at another address": (STRICTER, lambda i: elsewhere(i, i.token(groups=["a"]), host="127.0.0.1")),
    "groups kept elsewhere, of another subject": (STRICTER, lambda i: elsewhere(i, i.token(groups=["a"], sub="u-2"))),
    "a changed payload": (NO, lambda i: change_payload(i, groups=["admins"])),
}

EMAIL_TOKENS = {
    "a verified address": (YES, said(email="ann@example.com", email_verified=True)),
    "an address of which nothing is said": (YES, said(email="ann@example.com")),
    "an address that is not verified": (NO, said(email="ann@example.com", email_verified=False)),
    "an address that is verified in words": (NO, said(email="ann@example.com", email_verified="true")),
    "no address": (NO, said()),
    "a group without a name": (YES, said(email="ann@example.com", groups=["a", "", "b"])),
    "an address that is Kubernetes' own": (STRICTER, said(email="system:admin")),
    "a group that is Kubernetes' own": (STRICTER, said(email="ann@example.com", groups=["a", "system:masters"])),
}

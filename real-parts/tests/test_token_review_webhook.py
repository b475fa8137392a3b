"""A real API server that asks `gangplank token-review` who its callers are, with the dev tenant as their provider."""

import contextlib
import json
import re
import shutil
import ssl
import tempfile
import types
import urllib.request
import uuid

import msal
import pytest

from apiserver import ITSELF, api_server, user_of, who_am_i
from authority import Authority
from deployments import API_APP, CREW, TENANT_ID, WEB_APP, tenant
from issuer import AUDIENCE, Issuer
from machines import sign_in
from parts import eventually, free_port
from webhook import (
    MANIFEST, authentication_configuration, guide_block, guide_certificates, webhook, webhook_kubeconfig,
)

pytestmark = pytest.mark.kube_apiserver

CREW_READS = f"""
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: crew, namespace: default}}
rules: [{{apiGroups: [""], resources: [configmaps], verbs: [get, list]}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: crew, namespace: default}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: crew}}
subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "{CREW}"}}]
"""


def tenant_entry(base, ca):
    return {
        "issuer": {"url": f"{base}/{TENANT_ID}/v2.0", "certificateAuthority": ca, "audiences": [API_APP]},
        "claimMappings": {
            "username": {"claim": "preferred_username", "prefix": "corp:"},
            "groups": {"claim": "groups", "prefix": ""},
            "uid": {"claim": "oid"},
            "extra": [{"key": "example.com/tenant", "valueExpression": "claims.tid"}]},
    }


def plain_entry(issuer, ca):
    """No prefix anywhere: whatever this issuer says is what the webhook would say."""
    return {
        "issuer": {"url": issuer.url, "certificateAuthority": ca, "audiences": [AUDIENCE]},
        "claimMappings": {"username": {"claim": "sub", "prefix": ""}, "groups": {"claim": "groups", "prefix": ""}},
    }


@pytest.fixture(scope="module")
def providers(kubernetes):
    """The dev tenant, and an issuer that signs anything; `.configuration` is what believes both."""
    with tempfile.TemporaryDirectory() as directory, Issuer(*kubernetes.authority.server("issuer")) as issuer, \
            tenant(directory, "--tls", "--ca-out", f"{directory}/ca.crt") as process, pytest.MonkeyPatch.context() as patch:
        for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            patch.setenv(variable, f"{directory}/ca.crt")
        authority = f"https://localhost:{process.base.rsplit(':', 1)[1]}/{TENANT_ID}"

        def sign(user):
            app = msal.ConfidentialClientApplication(
                WEB_APP, client_credential="loopback-secret", authority=authority, instance_discovery=False)
            return sign_in(app, user, ["api://crew/access_as_user"])

        def control(method, path, body=None):
            request = urllib.request.Request(process.base + path, body and json.dumps(body).encode(),
                                             {"Content-Type": "application/json"}, method=method)
            context = ssl.create_default_context(cafile=f"{directory}/ca.crt")
            urllib.request.urlopen(request, context=context, timeout=10).close()

        with open(f"{directory}/ca.crt") as ca:
            configuration = authentication_configuration(
                tenant_entry(process.base, ca.read()), plain_entry(issuer, kubernetes.authority.pem()))
        yield types.SimpleNamespace(issuer=issuer, sign_in=sign, control=control, configuration=configuration)


@contextlib.contextmanager
def cluster(kubernetes, providers, *flags, for_the_api_server=True):
    """An API server whose only way to know a person is the webhook."""
    port, files = free_port(), guide_certificates(kubernetes.directory)
    kubeconfig = webhook_kubeconfig(files, port)
    with contextlib.ExitStack() as running:
        def start():
            return running.enter_context(webhook(files, port, providers.configuration, for_the_api_server))

        hook = start()
        server = running.enter_context(api_server(
            kubernetes.directory, kubernetes.authority, kubernetes.etcd,
            "--authentication-token-webhook-config-file", kubeconfig, *flags))
        server.apply(CREW_READS)
        yield types.SimpleNamespace(api=server, webhook=hook, start_webhook=start, port=port, files=files)


@pytest.fixture(scope="module", params=["v1", "v1beta1"])
def asked(request, kubernetes, providers):
    with cluster(kubernetes, providers, f"--authentication-token-webhook-version={request.param}") as running:
        yield running


def unauthorized(done):
    return done.returncode != 0 and "You must be logged in to the server (Unauthorized)" in done.stderr


def test_the_api_server_knows_who_it_is(asked, providers):
    signed_in = providers.sign_in("alice")
    done = asked.api.kubectl("create", "--filename=-", "--output=json", token=signed_in["access_token"],
                             stdin=json.dumps(who_am_i()))
    assert done.returncode == 0, done.stderr
    user = user_of(json.loads(done.stdout))
    assert user["username"] == "corp:alice@dev.test"
    assert user["uid"] == signed_in["id_token_claims"]["oid"]
    assert CREW in user["groups"] and len(user["groups"]) == 50 + 1
    assert user["groups"][-1] == "system:authenticated"
    assert user["extra"]["example.com/tenant"] == [TENANT_ID]


def test_a_group_decides_what_they_may(asked, providers):
    alice, mallory = (providers.sign_in(user)["access_token"] for user in ("alice", "mallory"))
    listed = asked.api.kubectl("get", "configmaps", token=alice)
    assert listed.returncode == 0, listed.stderr
    refused = asked.api.kubectl("get", "configmaps", token=mallory)
    assert refused.returncode != 0
    assert 'User "corp:mallory@dev.test" cannot list resource "configmaps"' in refused.stderr
    assert asked.api.kubectl("auth", "can-i", "list", "secrets", token=alice).stdout.strip() == "no"


def test_what_is_no_good_token_is_nobody(asked, providers):
    signed_in = providers.sign_in("alice")
    good = signed_in["access_token"]
    head, payload, signature = good.split(".")
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    for what, token in {
        "no JWT": "opaque",
        "a signature that is not the issuer's": f"{head}.{payload}.{flipped}",
        "an ID token, whose audience is the web app": signed_in["id_token"],
        "an issuer that nobody configured": providers.issuer.token(iss="https://localhost:1"),
    }.items():
        assert unauthorized(asked.api.kubectl("get", "configmaps", token=token)), what
    assert "invalid bearer token" in asked.api.log()
    assert asked.api.who(good)["username"] == "corp:alice@dev.test"


def test_an_expired_token_is_nobody(asked, providers):
    providers.control("POST", "/dev/faults", {"fault": "clock_skew", "seconds": -7200})
    try:
        late = providers.sign_in("alice")["access_token"]
    finally:
        providers.control("DELETE", "/dev/faults")
    assert unauthorized(asked.api.kubectl("get", "configmaps", token=late))


@pytest.mark.parametrize("claims", [
    {"sub": "system:admin"},
    {"sub": "system:serviceaccount:kube-system:default"},
    {"groups": ["system:masters"]},
    {"groups": ["readers", "system:authenticated"]},
])
def test_a_provider_does_not_hand_out_what_kubernetes_reserves(asked, providers, claims):
    assert asked.api.who(providers.issuer.token(groups=["readers"]))["groups"] == ["readers", "system:authenticated"]
    before = len(asked.webhook.lines)
    assert unauthorized(asked.api.kubectl("get", "secrets", token=providers.issuer.token(**claims)))
    eventually("the webhook's log says why", lambda: "reserved" in "\n".join(asked.webhook.lines[before:]))


def test_without_the_webhook_nobody_and_with_it_again_everybody(asked, providers):
    token = providers.sign_in("alice")["access_token"]
    before = len(asked.api.log())
    asked.webhook.stop()
    try:
        assert unauthorized(asked.api.kubectl("get", "configmaps", token=token))
        assert "Failed to make webhook authenticator request" in asked.api.log()[before:]
        # Whom the API server knows by itself is not touched by that.
        assert asked.api.kubectl("get", "configmaps").returncode == 0
        assert asked.api.who(asked.api.service_account_token("default", "robot"))["username"] == "system:serviceaccount:default:robot"
    finally:
        asked.webhook = asked.start_webhook()
    assert asked.api.kubectl("get", "configmaps", token=token).returncode == 0


def test_only_the_api_server_may_ask(asked, providers):
    """The webhook would tell anyone whether a token is good: it answers those with a certificate of its authority only."""
    def ask(*certificate, audiences):
        context = ssl.create_default_context(cafile=asked.files / "ca.crt")
        if certificate:
            context.load_cert_chain(*certificate)
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
                  "spec": {"token": providers.issuer.token(), "audiences": audiences}}
        request = urllib.request.Request(f"https://127.0.0.1:{asked.port}/", json.dumps(review).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:
            return json.load(answer)["status"]

    its_own = asked.files / "kube-apiserver.crt", asked.files / "kube-apiserver.key"
    answer = ask(*its_own, audiences=["elsewhere", ITSELF, AUDIENCE])
    assert answer["authenticated"] is True and sorted(answer["audiences"]) == sorted([ITSELF, AUDIENCE])
    assert not ask(*its_own, audiences=["elsewhere"]).get("authenticated")
    for certificate in [(), Authority(asked.files, "strangers").client("kube-apiserver")]:
        with pytest.raises(OSError):
            ask(*certificate, audiences=[ITSELF])


def test_an_api_server_with_a_certificate_of_somebody_else(kubernetes, providers):
    with cluster(kubernetes, providers) as running:
        strange = Authority(running.files, "strangers").client("kube-apiserver")
        for name, file in zip(("crt", "key"), strange):
            shutil.copy(file, running.files / f"kube-apiserver.{name}")
        with api_server(kubernetes.directory, kubernetes.authority, kubernetes.etcd,
                        "--authentication-token-webhook-config-file", running.files / "webhook-kubeconfig.yaml") as strangers:
            assert strangers.who(providers.issuer.token()) is None
            # The connection ends; whether the reason gets through before that is a matter of luck.
            said = re.search(r"Failed to make webhook authenticator request: (.*)", strangers.log()).group(1)
            assert re.search("tls: .*certificate|broken pipe|reset|EOF", said), said


def test_an_api_server_that_names_its_audiences(kubernetes, providers):
    with cluster(kubernetes, providers, f"--api-audiences={ITSELF},{AUDIENCE}", for_the_api_server=False) as running:
        assert running.api.who(providers.issuer.token())["username"] == "u-1"
        assert running.api.who(providers.issuer.token(aud=["elsewhere", AUDIENCE]))["username"] == "u-1"
        # Good by the webhook's configuration, and for somebody else.
        assert running.api.who(providers.sign_in("alice")["access_token"]) is None
        eventually("the webhook's log says why", lambda: "audience" in running.webhook.output())


def test_issuers_come_and_go_and_the_api_server_need_not_know(kubernetes, providers):
    ca = kubernetes.authority.pem()
    with Issuer(*kubernetes.authority.server("new")) as new, cluster(kubernetes, providers) as running:
        def believe(*more):
            both = json.loads(providers.configuration)["jwt"]
            (running.files / "authentication.yaml").write_text(authentication_configuration(*both, *more))

        def who(**claims):
            """By a token that the API server has not seen: what it was told of a token, a refusal too, it remembers."""
            return running.api.who(new.token(jti=str(uuid.uuid4()), **claims))

        assert who(sub="ann") is None
        believe(plain_entry(new, ca))
        assert eventually("the new issuer counts", lambda: who(sub="ann"))["username"] == "ann"
        # One that never answered is nobody's fault but its own; of its tokens nothing can be said.
        gone = types.SimpleNamespace(url=f"https://localhost:{free_port()}")
        believe(plain_entry(new, ca), plain_entry(gone, ca))
        eventually("it is read", lambda: "issuers=4" in running.webhook.output())
        assert who(sub="bea")["username"] == "bea"
        assert who(sub="bea", iss=gone.url) is None
        assert "Failed to make webhook authenticator request: the token can't be judged now" in running.api.log()


def test_the_guides_kubectl_commands_and_manifest(kubernetes):
    files = guide_certificates(kubernetes.directory)
    shutil.copy(MANIFEST, files)
    (files / "authentication.yaml").write_text(guide_block("yaml", "kind: AuthenticationConfiguration"))
    with api_server(kubernetes.directory, kubernetes.authority, kubernetes.etcd) as server:
        for commands in [guide_block("sh", "kubectl create namespace"), guide_block("sh", "kubectl create clusterrolebinding")]:
            done = server.shell(commands, files, TOKEN="")
            assert done.returncode == 0, done.stderr
        made = server.kubectl("get", "daemonset,configmap,secret", "--namespace=gangplank-webhook", "--output=name").stdout
        assert {"daemonset.apps/webhook", "configmap/authentication", "secret/certificates"} <= set(made.split()), made

"""MSAL for Python as a machine: client credentials, on-behalf-of, device code, against the dev tenant."""

import json

import msal
import pytest

from deployments import WEB_APP
from machines import (
    BATCH, BEHIND, MIDDLE, POD, SECRET, TERMINAL, WORKER, Certificate, Machines, claims_of, header_of, sign_in)

SCOPE = ["api://behind/.default"]


@pytest.fixture
def machines(tmp_path, monkeypatch):
    with Machines.running(tmp_path, monkeypatch) as machines:
        yield machines


def application(machines, client_id, credential=SECRET):
    return msal.ConfidentialClientApplication(
        client_id, client_credential=credential, authority=machines.authority, instance_discovery=False)


def token_of(result):
    assert "access_token" in result, {k: result.get(k) for k in ("error", "error_description")}
    return claims_of(result["access_token"])


def test_client_credentials_by_secret_and_once(machines):
    app = application(machines, BATCH)
    claims = token_of(app.acquire_token_for_client(SCOPE))
    assert (claims["azp"], claims["azpacr"], claims["idtyp"], claims["roles"]) == (BATCH, "1", "app", ["Reader"])
    assert claims["aud"] == BEHIND and claims["oid"] == claims["sub"] and "scp" not in claims
    token_of(app.acquire_token_for_client(SCOPE))
    assert machines.counts()["client_credentials_grants"] == 1, "the library could keep it"


@pytest.mark.parametrize("kind", ["PS256 x5t#S256 x5c", "RS256 x5t", "RS256 x5t x5c"])
def test_client_credentials_by_certificate(machines, kind):
    own = machines.certificate
    algorithm, *named = kind.split()
    credential = {"private_key": own.key_pem}
    if "x5t" in named:
        credential["thumbprint"] = own.sha1
    if "x5t" not in named or "x5c" in named:
        credential["public_certificate"] = own.pem
    app = application(machines, WORKER, credential)
    claims = token_of(app.acquire_token_for_client(SCOPE))
    assert (claims["azp"], claims["azpacr"], claims["roles"]) == (WORKER, "2", ["Reader"])
    # That the library sent what this test is named after.
    header = header_of(app.client.client_assertion())
    assert (header["alg"], {"x5t", "x5t#S256", "x5c"} & header.keys()) == (algorithm, set(named)), header


def test_a_certificate_that_nobody_registered(machines, tmp_path):
    other = Certificate(tmp_path, "other")
    credential = {"private_key": other.key_pem, "public_certificate": other.pem}
    result = application(machines, WORKER, credential).acquire_token_for_client(SCOPE)
    assert (result["error"], result["error_codes"]) == ("invalid_client", [700027]), result


def test_client_credentials_by_federation(machines):
    for token, error in [(machines.cluster.token(), None), (machines.cluster.token("system:serviceaccount:crew:other"), 700213)]:
        result = application(machines, POD, {"client_assertion": lambda: token}).acquire_token_for_client(SCOPE)
        if error is None:
            assert token_of(result)["azp"] == POD
        else:
            assert result["error_codes"] == [error], result


@pytest.mark.parametrize("certificate", [False, True], ids=["secret", "certificate"])
def test_on_behalf_of(machines, certificate):
    own = machines.certificate
    front = application(machines, WEB_APP)
    called_with = sign_in(front, "alice", ["api://middle/access_as_user"])
    alice = token_of(called_with)
    credential = {"private_key": own.key_pem, "public_certificate": own.pem} if certificate else SECRET
    middle = application(machines, MIDDLE, credential)
    result = middle.acquire_token_on_behalf_of(called_with["access_token"], SCOPE)
    claims = token_of(result)
    assert (claims["aud"], claims["azp"], claims["oid"], claims["scp"]) == (BEHIND, MIDDLE, alice["oid"], "read")
    assert claims["preferred_username"] == "alice@dev.test" and "roles" not in claims
    # An application's own token is no caller's, and a token for another is none for us.
    own_token = application(machines, BATCH).acquire_token_for_client(["api://middle/.default"])["access_token"]
    fresh = application(machines, MIDDLE, credential)
    assert fresh.acquire_token_on_behalf_of(own_token, SCOPE)["error_codes"] == [7000114]
    assert fresh.acquire_token_on_behalf_of(result["access_token"], SCOPE)["error_codes"] == [500131]


def test_a_second_factor_is_passed_back_and_brought(machines):
    front, middle = application(machines, WEB_APP), application(machines, MIDDLE)
    scopes = ["api://middle/access_as_user"]
    refused = middle.acquire_token_on_behalf_of(sign_in(front, "bob", scopes)["access_token"], SCOPE)
    assert (refused["error"], refused["suberror"], refused["error_codes"]) == ("interaction_required", "basic_action", [50076])
    assert "capolids" in json.loads(refused["claims"])["access_token"]
    again = sign_in(front, "bob", scopes, claims=refused["claims"])
    assert token_of(again)["amr"] == ["pwd", "mfa"]
    assert token_of(middle.acquire_token_on_behalf_of(again["access_token"], SCOPE))["azp"] == MIDDLE


def test_capabilities_and_a_challenge_travel_together(machines):
    front = msal.ConfidentialClientApplication(
        WEB_APP, client_credential=SECRET, authority=machines.authority, instance_discovery=False,
        client_capabilities=["CP1"])
    assert "amr" not in token_of(sign_in(front, "bob", ["api://middle/access_as_user"]))
    challenge = json.dumps({"access_token": {"capolids": {"essential": True, "values": ["c1"]}}})
    assert "mfa" in token_of(sign_in(front, "bob", ["api://middle/access_as_user"], challenge))["amr"]


def test_device_code(machines):
    app = msal.PublicClientApplication(TERMINAL, authority=machines.authority, instance_discovery=False)
    flow = app.initiate_device_flow(["api://behind/read"])
    assert flow["user_code"] in flow["message"], flow
    machines.approve(flow["verification_uri"], flow["user_code"])
    result = app.acquire_token_by_device_flow(flow)
    assert token_of(result)["preferred_username"] == "alice@dev.test"
    account, = app.get_accounts()
    again = app.acquire_token_silent(["api://behind/read"], account, force_refresh=True)
    assert again["access_token"] != result["access_token"]


def test_a_device_code_that_nobody_typed_in(machines):
    app = msal.PublicClientApplication(TERMINAL, authority=machines.authority, instance_discovery=False)
    flow = app.initiate_device_flow(["api://behind/read"])
    result = app.acquire_token_by_device_flow(flow, exit_condition=lambda _: True)
    assert result["error"] == "authorization_pending", result

"""azure-identity for Python against the dev tenant: what Azure's own SDKs sign in with."""

import msal
import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    CertificateCredential, ClientSecretCredential, DeviceCodeCredential, OnBehalfOfCredential, WorkloadIdentityCredential)

from deployments import TENANT_ID, WEB_APP
from machines import BATCH, MIDDLE, POD, SECRET, TERMINAL, WORKER, Certificate, Machines, claims_of, sign_in

SCOPE = "api://behind/.default"


@pytest.fixture
def machines(tmp_path, monkeypatch):
    with Machines.running(tmp_path, monkeypatch) as machines:
        machines.options = {"authority": machines.host, "disable_instance_discovery": True}
        yield machines


def caller(machines, user):
    front = msal.ConfidentialClientApplication(
        WEB_APP, client_credential=SECRET, authority=machines.authority, instance_discovery=False)
    return sign_in(front, user, ["api://middle/access_as_user"])["access_token"]


def test_client_secret(machines):
    credential = ClientSecretCredential(TENANT_ID, BATCH, SECRET, **machines.options)
    claims = claims_of(credential.get_token(SCOPE).token)
    assert (claims["azp"], claims["azpacr"], claims["idtyp"]) == (BATCH, "1", "app")
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        ClientSecretCredential(TENANT_ID, BATCH, "guess", **machines.options).get_token(SCOPE)


@pytest.mark.parametrize("chain", [False, True], ids=["x5t", "x5t and x5c"])
def test_certificate(machines, chain):
    credential = CertificateCredential(
        TENANT_ID, WORKER, str(machines.certificate.both_file), send_certificate_chain=chain, **machines.options)
    assert claims_of(credential.get_token(SCOPE).token)["azpacr"] == "2"


@pytest.mark.parametrize("certificate", [False, True], ids=["secret", "certificate"])
def test_on_behalf_of(machines, certificate):
    own = ({"client_certificate": machines.certificate.both_file.read_bytes()} if certificate else {"client_secret": SECRET})
    credential = OnBehalfOfCredential(
        TENANT_ID, MIDDLE, user_assertion=caller(machines, "alice"), **own, **machines.options)
    claims = claims_of(credential.get_token(SCOPE).token)
    assert (claims["azp"], claims["scp"], claims["preferred_username"]) == (MIDDLE, "read", "alice@dev.test")


def test_what_is_wrong_is_named_by_its_number(machines, tmp_path):
    other = Certificate(tmp_path, "other")
    with pytest.raises(ClientAuthenticationError, match="AADSTS700027"):
        CertificateCredential(TENANT_ID, WORKER, str(other.both_file), **machines.options).get_token(SCOPE)
    own = ClientSecretCredential(TENANT_ID, BATCH, SECRET, **machines.options)
    for assertion, error in [(own.get_token("api://middle/.default").token, 7000114), (own.get_token(SCOPE).token, 7000114),
                             ("not.a.token", 50013)]:
        credential = OnBehalfOfCredential(
            TENANT_ID, MIDDLE, client_secret=SECRET, user_assertion=assertion, **machines.options)
        with pytest.raises(ClientAuthenticationError, match=f"AADSTS{error}"):
            credential.get_token(SCOPE)


def test_on_behalf_of_passes_a_challenge_on(machines):
    credential = OnBehalfOfCredential(
        TENANT_ID, MIDDLE, client_secret=SECRET, user_assertion=caller(machines, "bob"), **machines.options)
    with pytest.raises(ClientAuthenticationError, match="AADSTS50076") as refused:
        credential.get_token(SCOPE)
    answer = refused.value.response
    assert answer.status_code == 400 and "capolids" in answer.text()


def test_device_code(machines):
    credential = DeviceCodeCredential(
        TERMINAL, tenant_id=TENANT_ID, prompt_callback=lambda address, code, _: machines.approve(address, code, "carol"),
        **machines.options)
    assert claims_of(credential.get_token("api://behind/read").token)["preferred_username"] == "carol@dev.test"


def test_workload_identity(machines, tmp_path, monkeypatch):
    file = tmp_path / "token"
    file.write_text(machines.cluster.token())
    for name, value in [("AZURE_CLIENT_ID", POD), ("AZURE_TENANT_ID", TENANT_ID),
                        ("AZURE_AUTHORITY_HOST", machines.host), ("AZURE_FEDERATED_TOKEN_FILE", str(file))]:
        monkeypatch.setenv(name, value)
    claims = claims_of(WorkloadIdentityCredential(disable_instance_discovery=True).get_token(SCOPE).token)
    assert (claims["azp"], claims["azpacr"], claims["roles"]) == (POD, "2", ["Reader"])
    file.write_text(machines.cluster.token(aud=["https://elsewhere"]))
    with pytest.raises(ClientAuthenticationError, match="AADSTS700212"):
        WorkloadIdentityCredential(disable_instance_discovery=True).get_token(SCOPE)


def test_an_application_reads_its_own_groups_at_graph(machines):
    credential = ClientSecretCredential(TENANT_ID, BATCH, SECRET, **machines.options)
    token = credential.get_token("https://graph.microsoft.com/.default").token
    url = f"{machines.host}/graph/v1.0/servicePrincipals/{claims_of(token)['oid']}/getMemberObjects"
    groups = []
    while url:
        page = requests.post(url, json={"securityEnabledOnly": False}, headers={"Authorization": f"Bearer {token}"})
        assert page.status_code == 200, page.text
        groups += page.json()["value"]
        url = page.json().get("@odata.nextLink")
    assert len(set(groups)) == 250

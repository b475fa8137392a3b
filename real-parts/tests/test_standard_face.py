"""The dev tenant's standard face over TLS: a client that is known by the certificate of its connection (RFC 8705)."""

import pytest
import requests

from machines import BATCH, WORKER, Certificate, Machines, claims_of, header_of


@pytest.fixture
def machines(tmp_path, monkeypatch):
    with Machines.running(tmp_path, monkeypatch) as machines:
        yield machines


def test_a_certificate_on_the_connection_is_a_proof(machines, tmp_path):
    def ask(client, certificate):
        form = {"grant_type": "client_credentials", "client_id": client, "resource": "https://api.example/", "scope": "read"}
        return requests.post(f"{machines.host}/standard/token", data=form, cert=certificate and str(certificate.both_file))

    answer = ask(WORKER, machines.certificate)
    assert answer.status_code == 200, answer.text
    token = answer.json()["access_token"]
    assert header_of(token)["typ"] == "at+jwt"
    assert (claims_of(token)["client_id"], claims_of(token)["aud"]) == (WORKER, "https://api.example/")
    for client, certificate in [(WORKER, None), (WORKER, Certificate(tmp_path, "other")), (BATCH, machines.certificate)]:
        refused = ask(client, certificate)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client"), client

"""Microsoft's own client library for Python cannot tell the dev tenant from the real one."""

import os

import msal
import pytest

from deployments import TENANT_ID, WEB_APP, tenant
from machines import sign_in


@pytest.fixture
def authority(tmp_path, monkeypatch):
    ca = tmp_path / "ca.crt"
    with tenant(tmp_path, "--tls", "--ca-out", ca) as process:
        # The library takes its authorities from these variables even where it is told otherwise.
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca))
        monkeypatch.setenv("CURL_CA_BUNDLE", str(ca))
        port = process.base.rsplit(":", 1)[1]
        yield f"https://localhost:{port}/{TENANT_ID}"


def application(authority):
    return msal.ConfidentialClientApplication(
        WEB_APP, client_credential="loopback-secret", authority=authority, instance_discovery=False)


@pytest.mark.parametrize("user,groups", [("carol", 0), ("alice", 50), ("bob", None)])
def test_authorization_code_over_tls(authority, user, groups):
    app = application(authority)
    result = sign_in(app, user, ["api://crew/access_as_user"])
    assert "access_token" in result, {k: result.get(k) for k in ("error", "error_description")}
    claims = result["id_token_claims"]
    assert claims["preferred_username"] == f"{user}@dev.test"
    assert claims["tid"] == TENANT_ID
    assert claims["ver"] == "2.0"
    if groups is None:
        assert "groups" not in claims and claims["_claim_names"] == {"groups": "src1"}
    else:
        assert len(claims.get("groups", [])) == groups
    account, = app.get_accounts()
    assert account["home_account_id"] == f"{claims['oid']}.{TENANT_ID}"
    assert account["username"] == f"{user}@dev.test"


def test_refresh_rotates(authority):
    app = application(authority)
    first = sign_in(app, "alice", ["api://crew/access_as_user"])
    account, = app.get_accounts()
    cached = app.acquire_token_silent(["api://crew/access_as_user"], account)
    assert cached["access_token"] == first["access_token"]
    again = app.acquire_token_silent(["api://crew/access_as_user"], account, force_refresh=True)
    assert again["access_token"] != first["access_token"]
    once_more = app.acquire_token_silent(["api://crew/access_as_user"], account, force_refresh=True)
    assert "access_token" in once_more, once_more


def test_the_wrong_secret_is_told_as_entra_tells_it(authority):
    app = msal.ConfidentialClientApplication(
        WEB_APP, client_credential="not-the-secret", authority=authority, instance_discovery=False)
    result = sign_in(app, "carol", ["api://crew/access_as_user"])
    assert result["error"] == "invalid_client"
    assert "AADSTS7000215" in result["error_description"]
    assert 7000215 in result["error_codes"]

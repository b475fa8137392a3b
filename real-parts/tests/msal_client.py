"""Microsoft's client library for Python, with a browser that presses the dev tenant's buttons."""

import msal

from deployments import WEB_APP
from parts import Form


def application(authority):
    return msal.ConfidentialClientApplication(
        WEB_APP, client_credential="loopback-secret", authority=authority, instance_discovery=False)


def sign_in(app, user, scopes):
    """What a browser does, with the response posted back as the library demands."""
    import requests

    flow = app.initiate_auth_code_flow(scopes, redirect_uri="http://localhost/oauth2/callback", response_mode="form_post")
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

"""npm's oidc-provider, an implementation by others: sign-in, policy by its groups, refresh with reuse detection."""

import concurrent.futures
import contextlib
import json
import types

import pytest

from deployments import gate, openid_provider, openid_settings, standalone
from parts import Browser, EchoApp, Form, eventually, free_port


@pytest.fixture
def gated(node, tmp_path):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with contextlib.ExitStack() as stack:
        provider = stack.enter_context(openid_provider(node, url, id_token_seconds=4))
        app = stack.enter_context(EchoApp())
        stack.enter_context(gate(tmp_path, f"""
{standalone(port)}
{openid_settings("independent", provider.issuer, "An independent provider")}
[[routes]]
path = "/"
sign_in = "independent"
allow.groups = ["crew"]
upstream = "http://127.0.0.1:{app.port}"
""", port))
        yield types.SimpleNamespace(url=url, provider=provider)


def sign_in(d, user):
    browser = Browser()
    page = browser.go(d.url + "/deck/7?side=port")
    for _ in range(6):
        if page.url.startswith(d.url):
            return browser, page
        form = Form(page.text).forms[0]
        names = [name for name, _ in form["fields"]]
        form["fields"] = [(n, v) for n, v in form["fields"] if n not in ("login", "password")]
        page = browser.submit(page, form, [("login", user), ("password", "any")] if "login" in names else [])
    raise AssertionError(f"no way through the provider's pages, last {page.url}")


def test_the_story(gated):
    browser, page = sign_in(gated, "jim")
    assert page.status == 200, page.text[:500]
    told = page.json()
    headers = {k.lower(): v for k, v in told["headers"]}
    assert told["path"] == "/deck/7?side=port"
    assert headers["x-auth-request-user"] == "jim"
    assert headers["x-auth-request-email"] == "jim@provider.test"
    assert headers["x-auth-request-groups"] == "crew"
    assert "gangplank" not in headers.get("cookie", "")
    _, refused = sign_in(gated, "outsider")
    assert refused.status == 403


def test_a_rotating_refresh_token_is_used_once(gated):
    browser, page = sign_in(gated, "jim")
    (key, cookie), = [(k, v) for k, v in browser.jar.items() if k[1] == "gangplank"]

    def one(_):
        return Browser().request(gated.url + "/", headers={"Cookie": f"{key[1]}={cookie}"})

    def refreshed():
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(one, range(20)))
        assert {a.status for a in answers} == {200}
        return {c.split(";")[0] for a in answers for c in a.headers.get_all("Set-Cookie") or []}
    new = eventually("a refreshed cookie", refreshed, 60, pause=1)
    assert len(new) == 1
    counts = json.loads(Browser().request(gated.provider.issuer + "/test/refreshes").text)
    assert counts == {"granted": 1, "refused": 0}


def test_sign_out_reaches_the_provider(gated):
    browser, _ = sign_in(gated, "jim")
    page = browser.go(gated.url + "/oauth2/sign_out")
    out = browser.submit(page, next(f for f in Form(page.text).forms if f["method"] == "post"))
    assert out.url.startswith(gated.provider.issuer + "/session/end"), out.url
    assert browser.request(gated.url + "/").status == 302

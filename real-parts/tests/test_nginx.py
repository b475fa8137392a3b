"""nginx from Debian, `auth_request`, stock buffers: the story of an ingress, for users of 0, 50 and 250 groups."""

import concurrent.futures
import json
import re
import types
import urllib.parse

import pytest

from deployments import API_APP, CREW, TENANT_ID, WEB_APP, entra_settings, gate, nginx_in_front, tenant
from parts import COOKIE, HEADER_BLOCK, HERE, Browser, EchoApp, Form, eventually, free_port, listening

GUIDE = HERE.parent.parent / "docs" / "guides" / "entra-sign-in.md"

# In the order of growing pain: a user's groups, and whether they are in the crew.
USERS = [("carol", 0, False), ("alice", 50, True), ("bob", 250, True)]


@pytest.fixture
def ingress(nginx, tmp_path):
    with deployment(nginx, tmp_path) as d:
        yield d


@pytest.fixture
def quick(nginx, tmp_path):
    """The same, with tokens that live so short that every session is refreshed every few seconds."""
    with deployment(nginx, tmp_path, tokens_live="3s") as d:
        yield d


def configuration(url, port, base):
    return f"""
[gate]
listen = "127.0.0.1:{port}"
public_url = "{url}"
trusted_proxies = ["127.0.0.1/32"]
forwarded = "nginx"

[cookies]
keys = [{{ env = "COOKIE_KEY" }}]

{entra_settings(base)}
[[routes]]
path = "/"
sign_in = "corp"
allow.signed_in = true

[[routes]]
path = "/crew"
sign_in = "corp"
allow.groups = ["{CREW}"]

[[routes]]
path = "/api/crew"
sign_in = "corp"
allow.groups = ["{CREW}"]
"""


def servers(front, port, app):
    """What the guide tells people to write, and nothing else: its server, with its location for APIs in it."""
    server, api = re.findall(r"^```nginx\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    text = server.rstrip().removesuffix("}") + api + "}\n"
    for theirs, ours in [
        ("listen 80;", f"listen 127.0.0.1:{front};"),
        ("server_name podinfo.example.com;", "server_name 127.0.0.1;"),
        ("http://podinfo:9898", f"http://127.0.0.1:{app}"),
        ("http://gangplank:4180", f"http://127.0.0.1:{port}"),
    ]:
        assert theirs in text, f"the guide's block has no {theirs!r}"
        text = text.replace(theirs, ours)
    return text


class deployment:
    def __init__(self, nginx, directory, tokens_live="1h"):
        self.parts = nginx, directory, tokens_live

    def __enter__(self):
        import contextlib

        nginx, directory, tokens_live = self.parts
        front, port = free_port(), free_port()
        with contextlib.ExitStack() as stack:
            d = types.SimpleNamespace(url=f"http://127.0.0.1:{front}", direct=f"http://127.0.0.1:{port}")
            d.tenant = stack.enter_context(tenant(directory, tokens_live=tokens_live))
            d.app = stack.enter_context(EchoApp())
            d.gate = stack.enter_context(gate(directory, configuration(d.url, port, d.tenant.base), port))
            d.nginx = stack.enter_context(nginx_in_front(nginx, directory, servers(front, port, d.app.port)))
            eventually("nginx listens", lambda: listening(front))
            self.stack = stack.pop_all()
        return d

    def __exit__(self, *error):
        return self.stack.__exit__(*error)


def sign_in(d, user, path="/"):
    browser = Browser()
    answer = browser.pick_user(browser.go(d.url + path), user)
    return browser, answer


def within_stock_buffers(d, browser):
    """Every answer that came through nginx, and everything that the browser keeps for it."""
    ours = [a for a in browser.seen if a.url.startswith(d.url)]
    assert ours
    assert max(a.block for a in ours) <= HEADER_BLOCK, [(a.url, a.block) for a in ours]
    kept = [f"{name}={value}" for (_, name, _), value in browser.jar.items() if name == "gangplank"]
    assert len(kept) <= 1, [k.split("=")[0] for k in kept]
    assert all(len(k) <= COOKIE for k in kept), [len(k) for k in kept]
    assert "too big header" not in d.nginx.errors()
    return max(a.block for a in ours), max([len(k) for k in kept], default=0)


@pytest.mark.parametrize("user,groups,crew", USERS)
def test_sign_in_and_app_access(ingress, user, groups, crew):
    browser, answer = sign_in(ingress, user, "/deep/link?page=2&next=https://elsewhere.test/")
    assert answer.status == 200, answer.text[:500]
    told = answer.json()
    assert told["path"] == "/deep/link?page=2&next=https://elsewhere.test/"
    headers = {k.lower(): v for k, v in told["headers"]}
    assert headers["x-auth-request-user"] == f"{user}@dev.test"
    assert headers.get("x-auth-request-groups", "") == (CREW if crew else "")
    assert browser.go(ingress.url + "/crew").status == (200 if crew else 403)
    block, cookie = within_stock_buffers(ingress, browser)
    print(f"\n{user}, {groups} groups: largest header block {block} B, cookie {cookie} B")


def test_who_is_in_groups_but_not_in_the_right_one_is_refused(ingress):
    browser, answer = sign_in(ingress, "mallory", "/crew")
    assert answer.status == 403
    assert browser.go(ingress.url + "/").status == 200


def test_without_a_session_programs_get_a_status_and_nothing_else(ingress):
    direct = Browser(accept="application/json").request(
        ingress.direct + "/oauth2/auth", headers={"X-Original-URL": ingress.url + "/crew"})
    assert direct.status == 401
    assert "Location" not in direct.headers
    assert direct.headers["WWW-Authenticate"].startswith("Bearer")


def test_identity_headers_of_the_client_do_not_arrive(ingress):
    browser, _ = sign_in(ingress, "carol")
    answer = browser.request(ingress.url + "/", headers={"X-Auth-Request-User": "root", "X_Auth_Request_User": "root"})
    users = [v for k, v in answer.json()["headers"] if k.lower().replace("_", "-") == "x-auth-request-user"]
    assert users == ["carol@dev.test"]


def access_token(d, user):
    """A token for the API, as a client of the tenant gets it."""
    redirect = "http://localhost/oauth2/callback"
    own = {"client_id": WEB_APP, "redirect_uri": redirect, "scope": f"openid {API_APP}/.default"}
    tenant = f"{d.tenant.base}/{TENANT_ID}/oauth2/v2.0"
    browser = Browser()
    asked = urllib.parse.urlencode({**own, "response_type": "code", "response_mode": "form_post", "state": "s"})
    page = browser.pick_user(browser.go(f"{tenant}/authorize?{asked}"), user)
    code = dict(Form(page.text).forms[0]["fields"])["code"]
    grant = {**own, "grant_type": "authorization_code", "code": code, "client_secret": "loopback-secret"}
    answer = browser.request(f"{tenant}/token", "POST", urllib.parse.urlencode(grant))
    assert answer.status == 200, answer.text
    return json.loads(answer.text)["access_token"]


def test_the_location_for_apis_answers_with_a_status_and_never_redirects(ingress):
    program = Browser(accept="application/json")
    nobody = program.request(ingress.url + "/api/x")
    assert (nobody.status, nobody.headers["Location"]) == (401, None)
    assert nobody.headers["WWW-Authenticate"].startswith("Bearer")
    bearer = {"Authorization": f"Bearer {access_token(ingress, 'alice')}"}
    known = program.request(ingress.url + "/api/x", headers=bearer)
    assert known.status == 200, known.text
    headers = {k.lower(): v for k, v in known.json()["headers"]}
    assert headers["x-auth-request-user"] == "alice@dev.test"
    assert "authorization" not in headers
    assert program.request(ingress.url + "/api/crew", headers=bearer).status == 200
    outsider = {"Authorization": f"Bearer {access_token(ingress, 'mallory')}"}
    refused = program.request(ingress.url + "/api/crew", headers=outsider)
    assert (refused.status, refused.headers["Location"]) == (403, None)
    forged = program.request(ingress.url + "/api/x", headers={"Authorization": bearer["Authorization"][:-8] + "AAAAAAAA"})
    assert forged.status == 401 and "invalid_token" in forged.headers["WWW-Authenticate"]
    # A browser that is signed in uses the same location.
    browser, _ = sign_in(ingress, "alice")
    assert browser.request(ingress.url + "/api/x").status == 200


@pytest.mark.timeout(240)
def test_refresh_inside_auth_request(quick):
    """Twenty requests at a time with one cookie, over two refreshes, for all users at once: nobody is signed out, and the
    dev tenant, which revokes a family whose refresh token comes twice, never sees one twice."""
    cookies = {}
    for user, _, _ in USERS:
        browser, answer = sign_in(quick, user)
        assert answer.status == 200
        cookies[user] = [next(v for k, v in browser.jar.items() if k[1] == "gangplank")]

    def request(cookie):
        return Browser().request(quick.url + "/", headers={"Cookie": f"gangplank={cookie}"})

    def refreshed(cookie):
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: request(cookie), range(20)))
        assert {a.status for a in answers} == {200}, [a.status for a in answers]
        assert max(a.block for a in answers) <= HEADER_BLOCK
        new = {c.split(";")[0].partition("=")[2] for a in answers for c in a.headers.get_all("Set-Cookie") or []}
        new.discard(cookie)
        assert len(new) <= 1, "one refresh gives one new cookie"
        return new.pop() if new else None

    for _ in range(2):
        for user, had in cookies.items():
            had.append(eventually(f"a refreshed cookie for {user}", lambda: refreshed(had[-1]), 60, pause=1))
            assert len(f"gangplank={had[-1]}") <= COOKIE
            # A tab that still has the cookie from before is served, from the refreshed session.
            assert request(had[-2]).status == 200
    counts = quick.tenant.counts()
    assert counts["refresh_grants"] == 2 * len(USERS), counts
    assert "too big header" not in quick.nginx.errors()


def test_sign_out_takes_a_click_of_ones_own(ingress):
    browser, _ = sign_in(ingress, "alice")
    forged = browser.request(ingress.url + "/oauth2/sign_out", "POST", "",
                             {"Origin": "https://elsewhere.test", "Sec-Fetch-Site": "cross-site"})
    assert forged.status in (400, 403)
    assert browser.request(ingress.url + "/").status == 200
    page = browser.go(ingress.url + "/oauth2/sign_out")
    form = next(f for f in Form(page.text).forms if f["method"] == "post")
    out = browser.submit(page, form)
    assert out.status == 200, out.url
    after = browser.request(ingress.url + "/")
    assert after.status == 302
    assert urllib.parse.urlsplit(after.headers["Location"]).path == "/oauth2/start"

"""nginx from Debian, `auth_request`, stock buffers: the story of an ingress, for users of 0, 50 and 250 groups."""

import concurrent.futures
import types
import urllib.parse

import pytest

from deployments import CREW, entra_settings, gate, nginx_in_front, tenant
from parts import COOKIE, HEADER_BLOCK, Browser, EchoApp, Form, eventually, free_port, listening

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
"""


def servers(front, port, app):
    told = """
        proxy_set_header Host $http_host;
        proxy_set_header X-Original-URL $scheme://$http_host$request_uri;
        proxy_set_header X-Original-Method $request_method;
        proxy_set_header X-Real-IP $remote_addr;
    """
    return f"""
    server {{
        listen 127.0.0.1:{front};
        location / {{
            auth_request /internal/auth;
            auth_request_set $user $upstream_http_x_auth_request_user;
            auth_request_set $groups $upstream_http_x_auth_request_groups;
            auth_request_set $cookie $upstream_http_set_cookie;
            add_header Set-Cookie $cookie always;
            proxy_set_header X-Auth-Request-User $user;
            proxy_set_header X-Auth-Request-Groups $groups;
            error_page 401 = @sign_in;
            proxy_pass http://127.0.0.1:{app};
        }}
        location = /internal/auth {{
            internal;
            proxy_pass http://127.0.0.1:{port}/oauth2/auth;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            {told}
        }}
        location @sign_in {{
            return 302 /oauth2/start?rd=$scheme://$http_host$request_uri;
        }}
        location /oauth2/ {{
            proxy_pass http://127.0.0.1:{port};
            {told}
        }}
    }}
    """


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

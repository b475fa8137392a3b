"""Two providers side by side, the dev tenant and npm's oidc-provider, with the chooser between them, in Chromium."""

import contextlib
import types
import urllib.parse

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from browsing import accessible, at, browser, no_complaints, pick, pictures, text  # noqa: F401  (a fixture among them)
from deployments import CREW, entra_settings, gate, openid_provider, openid_settings, standalone, tenant
from parts import EchoApp, free_port


@pytest.fixture
def gated(node, tmp_path):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with contextlib.ExitStack() as stack:
        base = stack.enter_context(tenant(tmp_path)).base
        provider = stack.enter_context(openid_provider(node, url))
        app = stack.enter_context(EchoApp())
        stack.enter_context(gate(tmp_path, f"""
{standalone(port)}
{entra_settings(base)}
{openid_settings("partners", provider.issuer, "Partner companies")}
[[routes]]
path = "/"
sign_in = ["corp", "partners"]
allow.signed_in = true
upstream = "http://127.0.0.1:{app.port}"

[[routes]]
path = "/crew"
sign_in = "corp"
allow.groups = ["{CREW}"]
upstream = "http://127.0.0.1:{app.port}"

[pages]
title = "Harbour Works"
accent = "#0f766e"
footer = "For staff and partners of Harbour Works"
support = "mailto:help@harbour.test"
""", port))
        yield types.SimpleNamespace(url=url, provider=provider.issuer, tenant=base)


def choose(browser, name):
    next(a for a in browser.find_elements(By.CSS_SELECTOR, "main a, main button") if name.lower() in a.text.lower()).click()


def through_the_providers_pages(browser, gated, user):
    """Its sign-in page, then its consent page."""
    for _ in range(2):
        here = browser.current_url
        for name, value in (("login", user), ("password", "any")):
            for field in browser.find_elements(By.CSS_SELECTOR, f"input[name={name}]:not([type=hidden])"):
                field.send_keys(value)
        browser.find_element(By.CSS_SELECTOR, "form button, form input[type=submit]").click()
        WebDriverWait(browser, 15).until(lambda b: b.current_url != here)
    at(browser, gated.url)


def test_the_chooser_and_both_ways_in(gated, browser):  # noqa: F811
    browser.get(gated.url + "/report?page=3")
    assert browser.current_url.startswith(gated.url), "several providers: the choice is the person's"
    assert "Harbour Works" in text(browser) and "Partner companies" in text(browser)
    accessible(browser)
    pictures(browser, "chooser")
    choose(browser, "Partner companies")
    at(browser, gated.provider)
    through_the_providers_pages(browser, gated, "jim")
    assert urllib.parse.urlsplit(browser.current_url)[2:4] == ("/report", "page=3")
    assert '"jim"' in text(browser)
    # The crew's route takes the tenant's people only: a session from elsewhere does not do.
    browser.get(gated.url + "/crew")
    at(browser, gated.tenant)
    pick(browser, "alice")
    at(browser, gated.url + "/crew")
    assert "alice@dev.test" in text(browser)
    no_complaints(browser)

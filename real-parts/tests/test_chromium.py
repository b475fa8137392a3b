"""A real browser through the whole story, as a newcomer walks it: `gangplank dev`.

Pictures of every page, at phone and desktop width, in light and dark, go to target/real-parts/ for people to look at.
"""

import json
import re
import signal
import subprocess
import urllib.parse

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from browsing import accessible, at, browser, no_complaints, pick, pictures, text  # noqa: F401  (a fixture among them)
from parts import BINARY, COOKIE, Process, free_port


@pytest.fixture(scope="module")
def dev():
    with Process(BINARY, "dev", "--port", str(free_port())) as process:
        port = process.command[-1]
        process.url = process.wait_for(rf"http://(?:127\.0\.0\.1|localhost):{port}").group(0)
        process.wait_for(r"curl ")
        yield process
        assert process.stop(signal.SIGINT) == 0, process.output()


def sign_in(browser, dev, user, path="/"):
    browser.get(dev.url + path)
    pick(browser, user)
    at(browser, dev.url)


def our_cookies(browser, dev):
    return [c for c in browser.execute_cdp_cmd("Network.getCookies", {"urls": [dev.url]})["cookies"]
            if c["name"] == "gangplank"]


def test_sign_in_shows_who_you_are(dev, browser):
    browser.get(dev.url)
    assert not browser.current_url.startswith(dev.url), "an unknown browser is sent to sign in"
    accessible(browser)
    pictures(browser, "tenant-sign-in")
    pick(browser, "alice")
    at(browser, dev.url)
    assert "alice@dev.test" in text(browser)
    assert re.search(r"session ends", text(browser), re.IGNORECASE)
    assert "x-auth-request-user" in text(browser).lower(), "the headers that the app received are shown"
    accessible(browser)
    pictures(browser, "app")
    cookie, = our_cookies(browser, dev)
    assert cookie["httpOnly"] and cookie["sameSite"] == "Lax"
    assert len(cookie["name"]) + len(cookie["value"]) + 1 <= COOKIE
    no_complaints(browser)


def test_the_return_to_a_deep_link(dev, browser):
    sign_in(browser, dev, "alice", "/reports/2026/11?view=all&next=https%3A%2F%2Felsewhere.test%2F")
    assert browser.current_url == dev.url + "/reports/2026/11?view=all&next=https%3A%2F%2Felsewhere.test%2F"


def test_250_groups_are_no_trouble(dev, browser):
    sign_in(browser, dev, "bob")
    assert "bob@dev.test" in text(browser)
    cookie, = our_cookies(browser, dev)
    assert len(cookie["name"]) + len(cookie["value"]) + 1 <= COOKIE


def test_who_is_not_allowed_sees_a_clear_page_and_a_way_out(dev, browser):
    sign_in(browser, dev, "mallory")
    assert "mallory@dev.test" in text(browser)
    status = browser.execute_script(
        "return performance.getEntriesByType('navigation')[0].responseStatus")
    assert status == 403
    accessible(browser)
    pictures(browser, "forbidden")
    other = next(a for a in browser.find_elements(By.CSS_SELECTOR, "a, button") if "someone else" in a.text.lower())
    other.click()
    WebDriverWait(browser, 15).until(lambda b: b.find_elements(By.CSS_SELECTOR, "button[value^='alice']"))
    pick(browser, "alice")
    at(browser, dev.url)
    assert "alice@dev.test" in text(browser)
    no_complaints(browser)


def test_two_tabs_sign_in_at_once(dev, browser):
    browser.get(dev.url + "/first")
    first = browser.current_window_handle
    browser.switch_to.new_window("tab")
    browser.get(dev.url + "/second")
    pick(browser, "alice")
    at(browser, dev.url)
    assert urllib.parse.urlsplit(browser.current_url).path == "/second"
    browser.switch_to.window(first)
    pick(browser, "alice")
    at(browser, dev.url)
    assert urllib.parse.urlsplit(browser.current_url).path == "/first"
    assert "alice@dev.test" in text(browser)
    assert len(our_cookies(browser, dev)) == 1


def test_sign_out_and_back_in(dev, browser):
    sign_in(browser, dev, "alice")
    link = next(a for a in browser.find_elements(By.TAG_NAME, "a") if "sign out" in a.text.lower())
    link.click()
    at(browser, dev.url + "/oauth2/sign_out")
    accessible(browser)
    pictures(browser, "confirm-sign-out")
    browser.find_element(By.CSS_SELECTOR, "main form button").click()
    at(browser, dev.url + "/oauth2/signed_out")
    accessible(browser)
    pictures(browser, "signed-out")
    no_complaints(browser)
    browser.get(dev.url)
    assert not browser.current_url.startswith(dev.url), "the session is over"


def test_an_error_page_says_what_to_do_and_not_why(dev, browser):
    browser.get(dev.url + "/oauth2/callback?code=x&state=forged")
    accessible(browser)
    pictures(browser, "error")
    assert not re.search(r"AEAD|seal|decrypt|cookie key", text(browser), re.IGNORECASE)
    no_complaints(browser)


def test_the_printed_curl_lines(dev, curl):
    """The commands that `gangplank dev` prints are run as they are printed."""
    printed = re.sub(r"\\\n\s*", "", dev.output())
    commands = re.findall(r"(?:^|\s)(curl -i .*)$", printed, re.MULTILINE)  # test_dev.py has the others
    said = [subprocess.run(["bash", "-c", c], capture_output=True, text=True, timeout=20) for c in commands]
    assert [s.returncode for s in said] == [0] * len(said) and len(said) == 2, said
    without, with_token = (s.stdout for s in said)
    assert without.startswith("HTTP/1.1 401") and "location:" not in without.lower()
    assert with_token.startswith("HTTP/1.1 200") and "@dev.test" in with_token


def test_userinfo_is_json(dev, browser):
    sign_in(browser, dev, "alice")
    browser.get(dev.url + "/oauth2/userinfo")
    told = json.loads(text(browser))
    assert told["user"] == "alice@dev.test"

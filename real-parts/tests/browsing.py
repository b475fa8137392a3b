"""Chromium, driven from outside, and what every page has to hold."""

import re
import shutil
import tempfile

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from parts import ROOT

PICTURES = ROOT / "target" / "real-parts"
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}


@pytest.fixture
def browser(chromium):
    binary, driver = chromium
    profile = tempfile.mkdtemp(prefix="gangplank-chromium-")
    options = Options()
    options.binary_location = binary
    for argument in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                     "--disable-background-networking", "--disable-component-update", "--disable-sync",
                     "--disable-dev-shm-usage", f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options=options, service=Service(driver))
    chrome.set_page_load_timeout(30)
    yield chrome
    chrome.quit()
    shutil.rmtree(profile, ignore_errors=True)


def text(browser):
    return browser.find_element(By.TAG_NAME, "body").text


def at(browser, prefix):
    WebDriverWait(browser, 15).until(lambda b: b.current_url.startswith(prefix), f"still at {browser.current_url}")


def pick(browser, user):
    browser.find_element(By.CSS_SELECTOR, f"button[value^='{user}']").click()


def no_complaints(browser):
    """No CSP violation, nothing that did not load (403 is an answer, and the npm provider wants a font from afar)."""
    worst = [entry for entry in browser.get_log("browser")
             if entry["level"] == "SEVERE" and not re.search(r"status of (400|401|403)|favicon|^https://fonts", entry["message"])]
    assert not worst, worst


def pictures(browser, name):
    PICTURES.mkdir(parents=True, exist_ok=True)
    for size, (width, height) in SIZES.items():
        for scheme in ("light", "dark"):
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
                "width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == "phone"})
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
                "features": [{"name": "prefers-color-scheme", "value": scheme}]})
            wide = browser.execute_script("return document.documentElement.scrollWidth")
            assert wide <= width, f"{name} scrolls sideways at {size} width: {wide} > {width}"
            browser.save_screenshot(str(PICTURES / f"{name}-{size}-{scheme}.png"))
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def accessible(browser):
    """What needs no opinion: a language, a title, one h1, a main landmark, a name on every control and image."""
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang")
    assert browser.title
    assert len(browser.find_elements(By.TAG_NAME, "h1")) == 1
    assert len(browser.find_elements(By.TAG_NAME, "main")) == 1
    for control in browser.find_elements(By.CSS_SELECTOR, "a[href], button, input:not([type=hidden])"):
        assert control.accessible_name.strip(), control.get_attribute("outerHTML")
    for image in browser.find_elements(By.TAG_NAME, "img"):
        assert image.get_attribute("alt") is not None

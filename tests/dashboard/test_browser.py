"""Clicks in a real browser: Debian's Chromium, headless, pages served on loopback."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from polyrec.dashboard import mount
from polyrec.serve.app import create_app
from polyrec.serve.settings import Settings

webdriver = pytest.importorskip("selenium.webdriver")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402

PROGRAMS = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
pytestmark = pytest.mark.skipif(
    not all(PROGRAMS.values()),
    reason="needs chromium and chromedriver (Debian: chromium chromium-driver)",
)


@pytest.fixture(scope="module")
def address(reported: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return where a service with pages answers."""
    path = tmp_path_factory.mktemp("browser") / "service.sqlite"
    app = mount(create_app(Settings(reported, database=f"sqlite:///{path}")))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=20)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator["webdriver.Chrome"]:
    options = webdriver.ChromeOptions()
    options.binary_location = PROGRAMS["chromium"]
    profile = tmp_path_factory.mktemp("chromium")
    for flag in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--disable-dev-shm-usage", f"--user-data-dir={profile}",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=PROGRAMS["chromedriver"])
    opened = webdriver.Chrome(options=options, service=service)
    opened.set_window_size(1200, 900)
    yield opened
    opened.quit()


def until(browser, condition) -> None:
    WebDriverWait(browser, 30).until(condition)


def shot(browser, name: str) -> None:
    """Keep a picture where POLYREC_SHOTS says, for people to look at."""
    if folder := os.environ.get("POLYREC_SHOTS"):
        browser.save_screenshot(str(Path(folder) / f"{name}.png"))


def test_an_editor_finds_an_item_and_hides_it(browser, address: str) -> None:
    browser.get(f"{address}/dashboard")
    assert "Overview" in browser.title
    shot(browser, "overview")
    browser.find_element(By.LINK_TEXT, "Catalogue").click()
    until(browser, lambda b: b.find_elements(By.CSS_SELECTOR, "#results figure"))
    shot(browser, "catalogue")
    browser.find_element(By.ID, "q").send_keys("i0007")
    until(browser, lambda b: len(b.find_elements(By.CSS_SELECTOR, "#results figure")) == 1)
    assert "q=i0007" in browser.current_url  # found without leaving the page
    browser.find_element(By.CSS_SELECTOR, "#results figure a").click()
    until(browser, lambda b: b.find_elements(By.XPATH, "//button[text()='Hide from lists']"))
    shot(browser, "item")
    browser.find_element(By.XPATH, "//button[text()='Hide from lists']").click()
    until(browser, lambda b: b.find_elements(By.XPATH, "//button[text()='Show in lists']"))


def test_a_user_page_shows_reasons(browser, address: str) -> None:
    browser.get(f"{address}/dashboard/users")
    browser.find_element(By.LINK_TEXT, "u0003").click()
    until(browser, lambda b: b.find_elements(By.CSS_SELECTOR, ".why article svg.shares"))
    shot(browser, "user")
    assert "because of" in browser.find_element(By.CSS_SELECTOR, ".why article").text
    for picture in browser.find_elements(By.CSS_SELECTOR, ".why article img"):
        until(browser, lambda b, p=picture: b.execute_script("return arguments[0].complete", p))
        assert browser.execute_script("return arguments[0].naturalWidth", picture) > 0


def test_events_come_in_by_themselves(browser, address: str) -> None:
    browser.get(f"{address}/dashboard/events")
    until(browser, lambda b: b.find_elements(By.CSS_SELECTOR, "tbody tr"))
    sent = '[{"FeedbackType": "like", "UserId": "live-user", "ItemId": "i0001"}]'
    browser.execute_script(
        "fetch('/api/feedback', {method: 'POST', body: arguments[0],"
        " headers: {'Content-Type': 'application/json'}})", sent,
    )  # fmt: skip
    until(browser, lambda b: "live-user" in b.find_element(By.CSS_SELECTOR, "tbody").text)
    shot(browser, "events")


def test_reports_stand_in_their_frame(browser, address: str) -> None:
    browser.get(f"{address}/dashboard/reports")
    browser.switch_to.frame(browser.find_element(By.TAG_NAME, "iframe"))
    until(browser, lambda b: "Metrics on test" in b.find_element(By.TAG_NAME, "main").text)
    browser.switch_to.default_content()
    shot(browser, "reports")


def test_pages_are_for_keyboards_and_phones(browser, address: str) -> None:
    browser.set_window_size(390, 844)
    for path in ("", "/items", "/user?id=u0003", "/item?id=i0001", "/events", "/keys"):
        browser.get(f"{address}/dashboard{path}")
        wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert browser.execute_script(wide) <= 0, path
        shot(browser, f"phone{path.partition('?')[0].replace('/', '-')}")
    browser.get(f"{address}/dashboard/items")
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    assert browser.switch_to.active_element.text == "Skip to content"
    browser.set_window_size(1200, 900)


def test_it_is_dark_where_people_want_it_dark(browser, address: str) -> None:
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    browser.get(f"{address}/dashboard/user?id=u0003")
    colour = "return getComputedStyle(document.body).backgroundColor"
    assert browser.execute_script(colour) == "rgb(21, 23, 28)"
    shot(browser, "dark")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_nothing_was_refused_or_loaded_from_elsewhere(browser, address: str) -> None:
    for path in ("", "/items", "/item?id=i0001", "/user?id=u0003", "/reports", "/keys"):
        browser.get(f"{address}/dashboard{path}")
        urls = browser.execute_script(
            "return performance.getEntriesByType('resource').map(e => e.name)"
        )
        assert all(name.startswith((address, "data:")) for name in urls)
    severe = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert not severe

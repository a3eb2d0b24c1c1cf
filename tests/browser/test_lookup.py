"""The lookup in a browser: keys lead to an answer, and none is lost on the way."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from porteye_core.store.writing.startup import open_writer
from porteye_core.ui import lookup_dialog
from tests.kit.app import App, dashboard
from tests.kit.browser import PATIENCE, expect_settled, needs_chromium, save, table_box
from tests.kit.seeding import MINUTE, seed
from tests.kit.values import HOST

pytestmark = needs_chromium
LABEL = "Find a port, program or pid"
PHONE = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36"
NGINX, POSTGRES, PYTHON = "nginx -g daemon", "postgres -D /data", "python3 -m http.server 8765"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A dashboard over the seeded history, which nobody goes on writing."""
    folder = tmp_path_factory.mktemp("lookup")
    now = time.time_ns() // 1000
    with open_writer(folder / "porteye.db", HOST, now - 61 * MINUTE) as writer:
        seed(writer, now)
    with dashboard(folder / "porteye.db", folder, PORTEYE_MONITOR="off") as running:
        yield running


def show(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.locator(".st-key-quick button")).to_be_visible()
    expect_settled(page)


def field(page: Page) -> Locator:
    """The field of the dialog, else that of Now."""
    return page.get_by_label(LABEL, exact=True).last


def answers(page: Page) -> Locator:
    return page.get_by_role("dialog").or_(page.locator(".st-key-find_answers"))


def expect_answer(page: Page, text: str) -> None:
    expect(answers(page).get_by_text(text).first).to_be_visible()


def press(page: Page, *keys: str) -> int:
    """Press these keys one after the other without a pause, and count them."""
    for key in keys:
        page.keyboard.press(key)
    return len(keys)


def test_who_holds_a_port_takes_six_keys_and_no_enter(app: App, page: Page) -> None:
    show(page, app.url)
    assert press(page, "Control+k", *"5432") <= 6
    expect_answer(page, POSTGRES)
    expect(field(page)).to_have_value("5432")
    expect(field(page)).to_be_focused()


def test_the_field_of_now_answers_over_the_table_which_does_not_move(app: App, page: Page) -> None:
    show(page, app.url)
    before = table_box(page)
    field(page).click()
    press(page, *"5432")
    expect_answer(page, POSTGRES)
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert table_box(page) == before
    save(page, "now-find")
    page.mouse.click(before["x"] + before["width"] - 200, before["y"] + 5)  # elsewhere
    expect(answers(page)).to_be_hidden()
    press(page, "Control+k")
    expect_answer(page, POSTGRES)
    press(page, *"80")
    expect(field(page)).to_have_value("80")  # the key selects what stood there
    expect_answer(page, NGINX)
    answers(page).get_by_role("button", name="Details").click()
    page.wait_for_url("**listener=1*")
    drawer = page.get_by_role("dialog")
    expect(drawer.get_by_text("nginx on port 80")).to_be_visible()
    expect(drawer).to_be_focused()
    press(page, "Escape")
    expect(drawer).to_have_count(0)
    press(page, "/", "Escape")
    expect(field(page)).to_have_value("")
    expect(answers(page)).to_have_count(0)


def test_the_field_of_now_is_on_the_first_screen_of_a_phone(app: App, browser: Browser) -> None:
    with browser.new_context(viewport={"width": 390, "height": 844}, user_agent=PHONE) as context:
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(app.url)
        expect_settled(page)
        field(page).click()
        press(page, *"5432")
        expect_answer(page, POSTGRES)
        save(page, "now-find-phone")
        box = page.locator(".st-key-find_answers").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("opened", ["Control+k", "Meta+k", "/"])
@pytest.mark.parametrize("view", ["", "history", "monitor"])
def test_what_is_typed_before_the_field_is_there_is_not_lost(
    app: App, page: Page, opened: str, view: str
) -> None:
    show(page, f"{app.url}/{view}")
    press(page, opened, *"nhinx", *["Backspace"] * 4, *"ginx")
    expect(field(page)).to_have_value("nginx")
    expect(field(page)).to_be_focused()
    expect_answer(page, NGINX)


def test_the_field_is_empty_when_it_is_opened_again(app: App, page: Page) -> None:
    show(page, f"{app.url}/history")
    press(page, "Control+k", *"80")
    expect_answer(page, NGINX)
    press(page, "Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    press(page, "/", *"53")
    expect(field(page)).to_have_value("53")


def test_the_key_selects_what_stands_in_an_open_field(app: App, page: Page) -> None:
    show(page, f"{app.url}/history")
    press(page, "Control+k", *"80")
    expect(field(page)).to_have_value("80")
    press(page, "Control+k", *"53/udp")
    expect(field(page)).to_have_value("53/udp")  # a slash in a field is a slash


def test_a_slash_in_another_field_is_a_slash(app: App, page: Page) -> None:
    show(page, app.url)
    process = page.get_by_role("textbox", name="Process")
    process.click()
    press(page, *"a/b")
    expect(process).to_have_value("a/b")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_button_gives_the_focus_to_the_field(app: App, page: Page) -> None:
    show(page, f"{app.url}/history")
    page.locator(".st-key-quick button").click()
    press(page, *"80")
    expect(field(page)).to_have_value("80")


def test_a_pasted_error_is_answered(app: App, page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    show(page, f"{app.url}/history")
    error = "Error: listen EADDRINUSE: address already in use :::8765"
    page.evaluate("text => navigator.clipboard.writeText(text)", error)
    press(page, "Control+k", "Control+v")
    expect(field(page)).to_have_value(error)
    expect_answer(page, PYTHON)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("9", "Nothing listened on 9 "),
        ("no-such", "No program “no-such” listened "),
        ("pid 4", "No process 4 listened "),
        ("200", POSTGRES),
        ("user:www", NGINX),
        ("0.0.0.0", NGINX),
        ("http://localhost:5432/x", POSTGRES),
    ],
)
def test_a_text_is_answered_while_it_is_typed(app: App, page: Page, text: str, answer: str) -> None:
    show(page, f"{app.url}/history")
    press(page, "Control+k", *text)
    expect_answer(page, answer)


def test_an_answer_leads_to_the_drawer(app: App, page: Page) -> None:
    show(page, f"{app.url}/history")
    press(page, "Control+k", *"80")
    page.get_by_role("dialog").get_by_role("button", name="Details").click()
    page.wait_for_url("**listener=1*")
    expect(page.get_by_role("dialog").get_by_text("nginx on port 80")).to_be_visible()


def test_the_key_works_while_a_drawer_is_open_and_the_sidebar_is_closed(
    app: App, page: Page
) -> None:
    show(page, f"{app.url}/?listener=1")
    expect(page.get_by_role("dialog").get_by_text("nginx on port 80")).to_be_visible()
    press(page, "Control+k", *"53")
    expect(field(page)).to_have_value("53")
    press(page, "Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_test_id("stSidebar").hover()
    page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()
    press(page, "/", *"80")
    expect(field(page)).to_have_value("80")


def test_a_phone_has_a_button_without_a_key(app: App, browser: Browser) -> None:
    with browser.new_context(viewport={"width": 390, "height": 844}, user_agent=PHONE) as context:
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(app.url)
        expect_settled(page)
        page.get_by_test_id("stExpandSidebarButton").click()
        button = page.locator(".st-key-quick button")
        expect(button).to_be_visible()
        expect(button).not_to_contain_text("Ctrl")
        button.click()
        press(page, *"80")
        expect_answer(page, NGINX)


def test_the_policy_lets_this_script_run_and_no_other(app: App, page: Page) -> None:
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    show(page, app.url)
    assert lookup_dialog.script() in page.content()
    page.evaluate(
        "() => { const other = document.createElement('script');"
        " other.textContent = 'window.ran = true'; document.body.append(other); }"
    )
    assert page.evaluate("() => window.ran") is None
    assert any("Content Security Policy" in each for each in refused)

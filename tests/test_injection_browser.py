"""A report of hostile claims in a real browser; skipped where Chromium is not installed."""

import re
from collections.abc import Iterator
from pathlib import Path

import hostile
import pytest
from browsers import needs_chromium
from playwright.sync_api import Browser, Page

pytestmark = needs_chromium
# What a text might become if it were no text: a script, a handler, and an address that is one.
BROUGHT_IN = (
    "<script>window.owned = 1</script>"
    '<img src="data:," onerror="window.owned = 1">'
    '<a id="lure" href="javascript:void(window.owned = 1)">lure</a>'
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    html, _ = hostile.render_hostile(tmp_path_factory.mktemp("hostile"))
    return html


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


def runs_of(page: Page, path: Path) -> tuple[bool, bool]:
    """Whether the page's own script ran, and whether one that was brought in did."""
    page.goto(path.as_uri())
    page.wait_for_load_state("networkidle")
    lure = page.locator("#lure")
    if lure.count():
        lure.click()
    ours = page.evaluate("document.documentElement.classList.contains('js')")
    return bool(ours), bool(page.evaluate("'owned' in window"))


def test_no_text_of_a_claim_becomes_a_script_or_a_request(page: Page, report: Path) -> None:
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text))
    assert runs_of(page, report) == (True, False)
    for opener in page.locator("#claims .open").all():
        opener.click()
    page.get_by_label("Search").fill('<script>window.owned = 1</script><img src=x onerror="x">')
    numbers = page.locator("a.number")
    numbers.last.focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("dialog").is_visible()
    assert page.evaluate("'owned' in window") is False
    assert page.locator("#owned, .owned, [onclick], [onload], [onerror]").count() == 0
    assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]
    assert errors == []


def test_a_claim_is_filtered_and_opened_as_any_other(page: Page, report: Path) -> None:
    page.goto(report.as_uri())
    texts = list(hostile.TEXTS.values())
    page.get_by_label("Search").fill("DROP TABLE")
    assert page.locator(".filters output").inner_text() == f"1 of {len(texts) + 1} shown"
    page.locator("#claims tbody:visible .open").click()
    quote = page.locator("#claims tbody:visible q").inner_text()
    assert quote.strip("“”\"'") == hostile.TEXTS["SQL"].strip("'")


def test_markup_that_came_through_all_the_same_would_run_no_script(
    page: Page, report: Path, tmp_path: Path
) -> None:
    text = report.read_text(encoding="utf-8").replace("<main", f"{BROUGHT_IN}<main", 1)
    (tmp_path / "report.html").write_text(text, encoding="utf-8")
    assert runs_of(page, tmp_path / "report.html") == (True, False)


def test_without_the_policy_it_would(page: Page, report: Path, tmp_path: Path) -> None:
    text = report.read_text(encoding="utf-8").replace("<main", f"{BROUGHT_IN}<main", 1)
    bare = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    assert bare != text
    (tmp_path / "report.html").write_text(bare, encoding="utf-8")
    assert runs_of(page, tmp_path / "report.html") == (True, True)

"""The report in a real browser; skipped where Chromium is not installed."""

from collections.abc import Iterator

import pytest
import synthetic_report as synthetic
from axe_playwright_python.sync_playwright import Axe
from browsers import needs_chromium
from playwright.sync_api import Browser, Page

pytestmark = needs_chromium
DESK, PHONE = {"width": 1100, "height": 900}, {"width": 390, "height": 800}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    html, _ = synthetic.render_toys(tmp_path_factory.mktemp("report"))
    return html.as_uri()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    page = browser.new_page(viewport=DESK)
    page.goto(address)
    yield page
    page.close()


def shown(page: Page) -> list[str]:
    """The ids of the claims that the table shows, in its order."""
    every = page.locator("#claims > tbody")
    return [str(one.get_attribute("id")) for one in every.all() if one.is_visible()]


def ids() -> list[str]:
    return [row["id"] for row in synthetic.rows()]


def test_no_request_leaves_the_file_and_no_script_fails(browser: Browser, address: str) -> None:
    page = browser.new_page()
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text))
    page.goto(address)
    page.wait_for_load_state("networkidle")
    assert [url for url in asked if not url.startswith("data:")] == [address]
    assert errors == []
    page.close()


def test_filters_and_search(page: Page) -> None:
    assert shown(page) == ids()
    page.locator("select[data-filter=verdict]").select_option("explained")
    assert shown(page) == ["000-6.2-explained"]
    assert page.locator(".filters output").inner_text() == "1 of 6 shown"
    page.get_by_role("button", name="Clear").click()
    page.wait_for_function("document.querySelector('.filters output').textContent[0] === '6'")
    page.get_by_label("Search").fill("IMPOSSIBLE 0.91")
    assert shown(page) == ["000-6.3-impossible"]


def test_sorting(page: Page) -> None:
    page.locator("[data-sort=verdict]").click()
    assert [name.split("-")[2] for name in shown(page)] == sorted(i.split("-")[2] for i in ids())
    page.locator("[data-sort=verdict]").click()
    assert page.locator("th.by-verdict").get_attribute("aria-sort") == "descending"
    assert shown(page)[0] == "000-6.5-untestable"


def test_sorting_by_keyboard(page: Page) -> None:
    page.locator("[data-sort=verdict]").focus()
    page.keyboard.press("Enter")
    assert page.locator("th.by-verdict").get_attribute("aria-sort") == "ascending"
    assert [name.split("-")[2] for name in shown(page)] == sorted(i.split("-")[2] for i in ids())


def test_tab_reaches_filters_headers_and_rows_in_turn(page: Page) -> None:
    page.get_by_label("Search").focus()
    met = []
    for _ in range(40):
        page.keyboard.press("Tab")
        met.append(page.evaluate("document.activeElement.textContent"))
        if met[-1] == ids()[1]:
            break
    columns = ["Claim", "Report", "Kind", "Verdict", "Printed", "Measured", "Interval", "n"]
    assert [text for text in met if text in (*columns, *ids())] == [*columns, *ids()[:2]]
    page.keyboard.press("Enter")
    assert page.locator("#about-000-6\\.1-contradicted").is_visible()


def test_rows_open_by_keyboard(page: Page) -> None:
    opener = page.locator("#about-000-6\\.1-contradicted")
    assert not opener.is_visible()
    page.get_by_role("button", name="000-6.1-contradicted").focus()
    page.keyboard.press("Enter")
    assert opener.is_visible()
    assert "f" * 12 in opener.inner_text()
    page.keyboard.press("Enter")
    assert not opener.is_visible()


def test_a_deep_link_opens_its_claim(page: Page, address: str) -> None:
    page.goto("about:blank")
    page.goto(f"{address}#000-6.4-inconclusive")
    assert page.locator("#about-000-6\\.4-inconclusive").is_visible()
    page.locator("select[data-filter=verdict]").select_option("explained")
    page.evaluate("location.hash = '#000-6.0-reproduced'")
    page.locator("#about-000-6\\.0-reproduced").wait_for(state="visible")


def test_a_number_shows_where_it_comes_from(page: Page) -> None:
    page.locator("a.number", has_text="0.920").first.focus()
    page.keyboard.press("Enter")
    note = page.get_by_role("dialog")
    assert "inputs md5" in note.inner_text()
    assert "stage toy" in note.inner_text()
    page.keyboard.press("Escape")
    assert not note.is_visible()


def test_a_phone_needs_no_sideways_scrolling(browser: Browser, address: str) -> None:
    page = browser.new_page(viewport=PHONE)
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.locator("#claims tbody th").first.is_visible()
    page.close()


def test_on_a_phone_a_figure_keeps_its_letters_and_scrolls_by_itself(
    browser: Browser, address: str
) -> None:
    page = browser.new_page(viewport=PHONE)
    page.goto(address)
    picture = page.locator("#figure-toy .picture")
    assert picture.get_attribute("tabindex") == "0"
    assert picture.evaluate("p => p.scrollWidth > p.clientWidth")
    sizes = picture.evaluate(
        "p => [...p.querySelectorAll('text')].map(t => t.getBoundingClientRect().height)"
    )
    assert min(sizes) > 8
    page.set_viewport_size(DESK)  # type: ignore[arg-type]
    page.wait_for_function(
        "!document.querySelector('#figure-toy .picture').hasAttribute('tabindex')"
    )
    page.close()


def test_figures_are_set_in_the_font_that_the_page_brings(page: Page) -> None:
    page.wait_for_function("document.fonts.status === 'loaded'")
    loaded = page.evaluate(
        "[...document.fonts].filter(f => f.status === 'loaded').map(f => f.family)"
    )
    assert set(loaded) == {"DejaVu Sans"}
    label = page.locator("#figure-toy text").first
    assert "DejaVu Sans" in label.evaluate("t => getComputedStyle(t).fontFamily")


def test_without_scripts_everything_is_open(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert page.locator(".about").count() == len(ids())
    assert page.locator(".about").first.is_visible()
    assert not page.locator(".filters").is_visible()
    context.close()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_no_serious_violation(
    browser: Browser, address: str, size: dict[str, int]
) -> None:
    page = browser.new_page(viewport=size)  # type: ignore[arg-type]
    page.goto(f"{address}#000-6.1-contradicted")
    found = Axe().run(page).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] != "minor"] == []
    page.close()

"""Worksheets: what a class sees before it asks, and what it sees then."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsers import needs_chromium
from click.testing import CliRunner
from playwright.sync_api import Browser, Page

from retrial.cli import cli
from retrial.core import records
from retrial.core.errors import RetrialError
from retrial.core.records import Finished
from retrial.core.trial import Metric, Result, Trial
from retrial.report.tables import VERDICTS
from retrial.tools.archive import pack
from retrial.tools.published import archive_of
from retrial.tools.worksheet import chosen, worksheet

ARMS = {"good": 3, "bad": 5}
TIMINGS = {"good": [20.0, 21.0, 22.0], "bad": [400.0] * 5}


def row(number: int, verdict: str, **changed: object) -> dict:
    """A published row of the toy family."""
    evidence = {"arm": "good", "against": None, "others": [], "deterministic": False}
    return {
        "id": f"000-1-{number:02d}", "report": "000", "family": "toy", "kind": "value",
        "where": "1", "quote": 'an <b>accuracy</b> & "more"', "rendering": "", "printed": "91",
        "statement": "the accuracy is <91>", "unit": "percent", "verdict": verdict,
        "measured": 0.9, "low": 0.89, "high": 0.91, "n": 3, "reason": f"because of `{number}` <i>",
        "assumes": ["a <split> of ours"], "choices": [], "fitted": [], "tex": "", "right": "",
        "stage": "toy", "profile": "paper", "evidence": evidence, "fingerprints": ["f" * 32],
    } | changed  # fmt: skip


def every_verdict(of_each: int) -> list[dict]:
    return [row(of_each * i + k, v) for i, v in enumerate(VERDICTS) for k in range(of_each)]


def publish(root: Path, rows: list[dict]) -> Path:
    """A project below `root` with the records, timings and `rows` of one study published."""
    finished = [
        Finished(Trial("toy", arm, seed, {"rate": 0.5}), Result({"a": Metric(0.9, 9)}), f"{seed}")
        for arm, seeds in ARMS.items()
        for seed in range(seeds)
    ]
    records.write(root / "toy", "toy", finished, [], {"data": {"mnist/images.npy": "0"}})
    published = root / "reports/published"
    archive = archive_of("toy", published)
    archive.parent.mkdir(parents=True)
    pack(root / "toy", archive)
    (published / "verdicts.json").write_text(json.dumps(rows))
    (published / "manifest.json").write_text(json.dumps({"timings": {"toy": TIMINGS}}))
    (root / "claims").mkdir()
    (root / "params.yaml").write_text("profile: quick\n")
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return publish(tmp_path, every_verdict(3))


def hidden(page: str) -> str:
    """What stands in a sheet before anything is opened."""
    page = re.sub(r"<details>.*?</details>", "", page, flags=re.DOTALL)
    return re.sub(r'<section class="answers">.*?</section>', "", page, flags=re.DOTALL)


def test_no_verdict_stands_outside_of_what_is_opened(root: Path) -> None:
    page = worksheet(root, None, None, 18, 0)
    before = hidden(page)
    for verdict in VERDICTS:
        assert verdict not in before
        # Of three claims, in their details and in the answers for print.
        assert page.count(f"<strong>{verdict}</strong>") == page.count(f"<td>{verdict}</td>") == 3
    assert "because of" not in before
    assert "0.89" not in before
    assert before.count("<article>") == 18


def test_a_claim_stands_with_its_protocol_seeds_and_time(tmp_path: Path) -> None:
    both = {"arm": "good", "against": "bad", "others": [], "deterministic": False}
    page = worksheet(publish(tmp_path, [row(1, "reproduced", evidence=both)]), None, None, 1, 0)
    before = hidden(page)
    for text in (
        "<dd>91%</dd>", "Data: MNIST. good (3 runs): rate 0.5. bad (5 runs): the same settings.",
        "<dd>3; 8 trials in all</dd>", "<dd>2\u202f100</dd>",
        "compared with the print, within a margin", "The runs cannot decide it",
    ):  # fmt: skip
        assert text in before


def test_a_line_without_chance_and_without_times(tmp_path: Path) -> None:
    sure = {"arm": "good", "against": None, "others": [], "deterministic": True}
    claim = row(1, "explained", evidence=sure, printed="", tex="E = x^2", kind="formula")
    root = publish(tmp_path, [claim])
    (root / "reports/published/manifest.json").write_text('{"timings": {}}')
    before = hidden(worksheet(root, None, None, 1, 0))
    assert "<dd>there is no chance in it; 3 trials in all</dd>" in before
    assert "<dt>CPU-seconds of its trials</dt><dd>not recorded</dd>" in before
    assert "<dt>Printed</dt><dd>E = x²</dd>" in before


def test_times_of_less_than_a_second_have_no_digits(tmp_path: Path) -> None:
    root = publish(tmp_path, [row(1, "reproduced")])
    manifest = {"timings": {"toy": {"good": [0.2, 0.1, 0.1]}}}
    (root / "reports/published/manifest.json").write_text(json.dumps(manifest))
    assert "<dd>less than 1</dd>" in worksheet(root, None, None, 1, 0)


def test_texts_are_escaped(root: Path) -> None:
    page = worksheet(root, None, None, 1, 0)
    assert "<q>an &lt;b&gt;accuracy&lt;/b&gt; &amp; &quot;more&quot;</q>" in page
    assert "a &lt;split&gt; of ours" in page
    assert "&lt;91&gt;" in page
    assert "&lt;i&gt;" in page
    for own in ("<b>", "<split>", "<91>", "<i>", "<script", "http"):
        assert own not in page


def test_a_small_sheet_has_every_verdict_and_another_seed_other_claims() -> None:
    rows = every_verdict(5)
    first = chosen(rows, None, None, 6, 0)
    assert {one["verdict"] for one in first} == set(VERDICTS)
    assert first == chosen(rows, None, None, 6, 0)
    assert first != chosen(rows, None, None, 6, 1)
    # In the ledger's order, which says nothing of the verdicts.
    assert [one["id"] for one in first] == sorted(one["id"] for one in first)
    assert len(chosen(rows, None, None, 100, 0)) == len(rows)


def test_families_take_turns_within_a_verdict() -> None:
    rows = [row(i, "reproduced") for i in range(30)]
    rows += [row(30 + i, "reproduced", family=f"small {i}") for i in range(3)]
    for seed in range(10):
        found = chosen(rows, None, None, 5, seed)
        assert [one["family"] for one in found] == ["toy", "toy", *(f"small {i}" for i in range(3))]


def test_a_curve_is_one_claim() -> None:
    curve = [row(i, "reproduced", kind="curve", epoch=i) for i in range(4)]
    assert chosen(curve, None, None, 12, 0) == curve[:1]


def test_claims_are_of_the_family_and_the_report_that_are_named() -> None:
    rows = [row(1, "reproduced"), row(2, "explained", family="other", report="003")]
    assert chosen(rows, "other", None, 12, 0) == chosen(rows, None, "003", 12, 0) == rows[1:]
    with pytest.raises(
        RetrialError, match=r"^--family = 'toys': no such published claim, expected of other, toy$"
    ):
        chosen(rows, "toys", None, 12, 0)
    with pytest.raises(RetrialError, match=r"^--report = '003': .* expected of 000$"):
        chosen(rows, "toy", "003", 12, 0)


@pytest.mark.parametrize("name", ["verdicts.json", "manifest.json"])
def test_without_what_is_published_there_is_one_line(root: Path, name: str) -> None:
    path = root / "reports/published" / name
    path.write_text("{")
    with pytest.raises(RetrialError, match=rf"published/{name}: line 1: not JSON"):
        worksheet(root, None, None, 1, 0)
    path.unlink()
    with pytest.raises(RetrialError, match=rf"published/{name}: no such file; worksheets need"):
        worksheet(root, None, None, 1, 0)


def test_the_command_writes_where_its_user_is(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one.html", "two.html"):
        monkeypatch.chdir(root / "claims")
        done = CliRunner().invoke(
            cli, ["worksheet", "--count", "4", "--out", name], catch_exceptions=False
        )
        assert done.output == f"worksheet: {root / 'claims' / name}\n"
    one, two = (root / "claims" / name for name in ("one.html", "two.html"))
    assert one.read_text().count("<article>") == 4
    assert one.read_bytes() == two.read_bytes()


@pytest.fixture
def browsed(root: Path, browser: Browser) -> Iterator[Page]:
    (root / "sheet.html").write_text(worksheet(root, None, None, 3, 0))
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto((root / "sheet.html").as_uri())
    yield page
    page.close()


@needs_chromium
def test_a_verdict_opens_on_a_screen_and_stands_last_in_print(browsed: Page) -> None:
    answers, details = browsed.locator(".answers"), browsed.locator("details")
    seen = browsed.locator("body").inner_text()
    assert not [verdict for verdict in VERDICTS if verdict in seen]
    assert browsed.evaluate("document.documentElement.scrollWidth") == 390
    details.first.locator("summary").press("Enter")
    assert details.first.locator("strong").is_visible()
    assert not Axe().run(browsed).response["violations"]
    browsed.emulate_media(media="print")
    assert answers.is_visible()
    assert not details.first.is_visible()

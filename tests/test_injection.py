"""Names and texts of claim files, params.yaml and records stay text wherever they are shown."""

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import hostile
import pytest
import synthetic_report as synthetic
from click.testing import CliRunner
from pypdf import PdfReader

from retrial.cli import cli
from retrial.core.errors import RetrialError
from retrial.core.records import Finished
from retrial.core.trial import Metric, Result, Trial
from retrial.judging.ledger import load_claims, read_ledger
from retrial.report import entries, markup, numbers
from retrial.running.stage import require_names
from retrial.running.tracking import Index, quiet, tags
from retrial.tools.track import retag

ROOT = Path(__file__).parents[1]


class Page(HTMLParser):
    """The elements of a page with their attributes, its text, and what its scripts hold."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.scripts: list[str] = []
        self._within = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))
        self._within = tag

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within == "script":
            self.scripts.append(data)
        elif self._within != "style":
            self.text += data


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return hostile.render_hostile(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def page(rendered: tuple[Path, Path]) -> Page:
    return Page(rendered[0].read_text(encoding="utf-8"))


def test_a_report_of_hostile_claims_has_its_own_elements_only(page: Page) -> None:
    (script,) = page.scripts
    policies = [a["content"] for tag, a in page.elements if tag == "meta" and "content" in a]
    assert any(f"script-src '{markup.script_hash(script)}'" in policy for policy in policies)
    assert not any("script-src 'unsafe" in policy for policy in policies)
    for tag, attributes in page.elements:
        assert not [key for key in attributes if key.startswith("on")], tag
        assert "owned" not in f"{attributes.get('id')} {attributes.get('class')}".split()
        for key in ("href", "src", "srcset", "action"):
            assert attributes.get(key, "#").startswith(("#", "data:")), (tag, attributes)
    allowed = {"b", "svg", "img"}  # those of the texts; the report has images without sources
    assert not [a for tag, a in page.elements if tag in allowed and "owned" in str(a.get("src"))]


@pytest.mark.parametrize("text", hostile.TEXTS.values(), ids=hostile.TEXTS)
def test_each_text_is_shown_as_it_stands(page: Page, text: str) -> None:
    # Its quote, statement, rendering and assumption in the table of claims; its place in an entry.
    assert squeezed(page.text).count(squeezed(text)) >= 5


def test_a_name_is_shown_as_it_stands(page: Page) -> None:
    assert squeezed(page.text).count(squeezed(hostile.NAME)) >= 5


def test_in_print_a_text_is_no_code_and_no_link(rendered: tuple[Path, Path]) -> None:
    pages = PdfReader(rendered[1]).pages
    text = squeezed("".join(page.extract_text() for page in pages))
    assert text.count('#panic("owned")') >= 10
    assert "root:x:0" not in text
    actions = [
        note.get_object().get("/A", {}) for page in pages for note in page.get("/Annots") or ()
    ]
    assert not [action["/URI"] for action in actions if "/URI" in action]


@pytest.mark.parametrize("name", [hostile.NAME, "a b", "a\nb", "../up", "", "-x", "`x`", "x}"])
def test_a_name_that_could_be_more_is_refused_by_file_key_and_value(
    tmp_path: Path, name: str
) -> None:
    for key in ("id", "family", "evidence.arm", "evidence.metric", "fault"):
        claim: dict[str, object] = {"id": "000-1", "quote": "q", "statement": "s", "kind": "value"}
        arm = {"arm": "a", "metric": "m"}
        if key.startswith("evidence."):
            arm[key.partition(".")[2]] = name
        else:
            claim[key] = name
        path = tmp_path / "000.yaml"
        # JSON is YAML.
        group = {"family": "toy", "where": "T", "evidence": arm, "claims": [claim]}
        if key == "family":
            group["family"] = claim.pop("family")  # type: ignore[assignment]
        path.write_text(json.dumps({"report": "000", "groups": [group]}))
        with pytest.raises(RetrialError) as caught:
            read_ledger(path)
        message = str(caught.value)
        assert message.startswith(str(path))
        assert f".{key}" in message
        assert repr(name) in message
        assert "should match" in message
        assert message.count("\n") == 0


def test_the_ledger_as_it_is_has_such_names_only() -> None:
    assert len(load_claims(ROOT / "claims")) > 500


def test_a_row_with_such_an_id_is_no_entry_and_no_target(tmp_path: Path) -> None:
    row = hostile.rows()[-1]
    with pytest.raises(RetrialError, match=r"^report: name '\">.*expected letters, digits"):
        numbers.claimed([row], row["id"])
    with pytest.raises(RetrialError, match=r"^report: name '\">"):
        entries.entry({**row, "tex": "", "right": "", "why": ""}, None)  # type: ignore[arg-type]


def test_an_arm_with_such_a_name_is_refused_before_it_runs() -> None:
    good = [Trial("toy", arm, 0, {}) for arm in ("a", "subset/0.5+x", "A_b-1.5")]
    require_names(good, "toy")
    for name in (hostile.NAME, "$(touch x)", "a b", "", "a\n"):
        with pytest.raises(RetrialError, match=r"^params.yaml: toy: makes an arm '.*expected") as e:
            require_names([*good, Trial("toy", name, 0, {})], "toy")
        assert "\n" not in str(e.value)


@pytest.mark.parametrize("tex", hostile.TEXTS.values(), ids=hostile.TEXTS)
def test_a_formula_never_ends_before_its_end(tex: str) -> None:
    text = markup.formula(tex)
    if text.startswith("$"):
        assert text.endswith("$")
        assert "$" not in text[1:-1]
        assert "\n" not in text
        assert not re.search(r"^\s|\s$", text[1:-1])
    else:
        assert text == markup.plain(tex.strip())


def test_formulas_of_the_ledger_stay_formulas() -> None:
    written = [claim.tex for claim in load_claims(ROOT / "claims") if claim.tex]
    assert written
    assert all(markup.formula(tex) == f"${tex}$" for tex in written)


def test_a_raw_part_is_fenced_by_more_than_it_holds() -> None:
    assert markup.raw_inline("html", "<b>") == "`<b>`{=html}"
    assert markup.raw_inline("html", "a``b") == "```a``b```{=html}"
    assert markup.raw_inline("html", "`b") == "`` `b ``{=html}"
    assert markup.raw_inline("html", "a\n\nb") == "`a b`{=html}"
    assert markup.raw_block("typst", "a").splitlines() == ["`" * 8 + "{=typst}", "a", "`" * 8]
    assert markup.raw_block("typst", "`" * 9).splitlines()[0] == "`" * 10 + "{=typst}"


@pytest.mark.parametrize("text", hostile.TEXTS.values(), ids=hostile.TEXTS)
def test_a_terminal_shows_a_claim_without_control(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "claims").mkdir()
    (tmp_path / "params.yaml").write_text("profile: quick\n")
    shown = f"{text}\x1b]0;owned\x07\x1b[2J\x9b31m"
    claim = {"id": "000-1", "quote": shown, "statement": shown, "rendering": shown, "where": shown}
    group = {"family": "toy", "kind": "value", "evidence": {"arm": "a"}, "claims": [claim]}
    content = json.dumps({"report": "000", "groups": [group]})
    (tmp_path / "claims/000.yaml").write_text(content)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["show", "000-1"], catch_exceptions=False)
    assert result.exit_code == 0
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", result.output)
    assert squeezed(result.output).count(squeezed(text)) == 4
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["claims", "params.yaml"]


def test_mlflow_takes_names_as_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    done = [
        Finished(
            Trial("toy", text, seed, {"rate": text, text: 1}),
            Result({text: Metric(0.5, 10)}, detail={"why": text}),
            f"{seed:032d}",
        )
        for seed, text in enumerate(hostile.TEXTS.values())
    ]
    with quiet():
        index = Index.open("toy", tmp_path)
        for one in done:
            assert index.add(one, tags(one, {"data": {one.trial.arm: "0"}}))
            retag(index, index.runs[one.fingerprint], {"claims": f"{one.trial.arm},"})
        again = Index.open("toy", tmp_path)
        assert not any(again.add(one, tags(one, {})) for one in done)
        assert set(again.runs) == {one.fingerprint for one in done}
        for one in done:
            run = again.client.get_run(again.runs[one.fingerprint].id)
            assert run.data.tags["arm"] == one.trial.arm
            assert run.data.tags["claims"] == f"{one.trial.arm},"
            assert run.data.params["rate"] == one.trial.arm
            assert list(run.data.metrics.values()) == [0.5]


def test_no_command_of_the_pipeline_holds_a_value_of_params() -> None:
    text = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
    commands = re.findall(r"^ +cmd: (.*)$", text, re.MULTILINE)
    assert len(commands) > 20
    for command in commands:
        assert re.fullmatch(r"exec python stages/\w+\.py( \$\{(item|key)\}| [\w/.-]+)*", command)
    # Items and keys are those of the lists in dvc.yaml itself.
    assert not re.findall(r"foreach: \$\{", text)


@pytest.mark.parametrize("profile", ["$(touch owned)", "quick; touch owned", "`touch owned`"])
def test_a_profile_with_a_command_in_it_runs_nothing(tmp_path: Path, profile: str) -> None:
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    params = (ROOT / "params.yaml").read_text(encoding="utf-8")
    changed = re.sub(r"^profile: .*$", f"profile: '{profile}'", params, flags=re.MULTILINE)
    assert profile in changed
    (tmp_path / "params.yaml").write_text(changed, encoding="utf-8")
    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run([*dvc, "init", "-q", "--no-scm"], cwd=tmp_path, check=True)
    done = subprocess.run(
        [*dvc, "repro", "iris_boundary"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert not list(tmp_path.rglob("owned"))


def test_a_synthetic_report_has_no_more_than_one_script() -> None:
    # What the template itself brings, so that the first test speaks of the claims alone.
    assert (synthetic.TEMPLATE / "report.html").read_text().count("<script") == 0

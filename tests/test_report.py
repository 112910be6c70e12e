"""The report: equal bytes, nothing loaded, every claim and every number traceable."""

import ast
import os
import re
from pathlib import Path

import jupytext
import numpy as np
import printed
import pytest
import synthetic_report as synthetic
from made_records import made
from pypdf import PdfReader

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.judging.ledger import TOTAL
from retrial.judging.verdicts import headline
from retrial.report import figures, numbers, show, tables
from retrial.report.render import section, with_figures

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted([*(ROOT / "reports").glob("*.py"), *(ROOT / "reports").glob("*/*.py")])
# The published report, and the last one that was made here.
WHOLE = [ROOT / "reports/published/report", ROOT / "reports/report"]
# The calls whose literal text a reader sees; the arguments of others are keys and formats.
PROSE = {"say", "saved", "small_table", "family_table"}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return synthetic.render_toys(tmp_path_factory.mktemp("first"))


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return Records.load(synthetic.write_results(tmp_path) / "toy")


def test_same_bytes_in_another_folder(rendered: tuple[Path, Path], tmp_path: Path) -> None:
    other = tmp_path / "a folder with a longer name"
    other.mkdir()
    before = Path.cwd(), dict(os.environ)
    for first, again in zip(rendered, synthetic.render_toys(other), strict=True):
        assert first.read_bytes() == again.read_bytes()
    assert before == (Path.cwd(), dict(os.environ))


def test_html_refers_to_nothing_outside(rendered: tuple[Path, Path]) -> None:
    text = rendered[0].read_text(encoding="utf-8")
    references = re.findall(r"""(?:src|href|action|data)\s*=\s*["']?([^"'\s>]+)""", text)
    references += re.findall(r"url\(([^)]*)\)", text)
    assert not [r for r in references if not r.startswith(("#", "data:"))]
    assert re.search(r"default-src 'none'; img-src data:; font-src data:;", text)
    assert set(re.findall(r"https?://[^\s\"'<]*", text)) <= {"http://www.w3.org/1998/Math/MathML"}
    assert "<math" in text


def test_files_do_not_say_where_or_when(rendered: tuple[Path, Path]) -> None:
    html, pdf = rendered
    assert str(html.parent) not in html.read_text(encoding="utf-8")
    reader = PdfReader(pdf)
    assert reader.metadata is not None
    assert reader.metadata.creation_date is None
    assert reader.metadata.modification_date is None


def test_first_page_names_the_profile(rendered: tuple[Path, Path]) -> None:
    assert "Profile quick" in PdfReader(rendered[1]).pages[0].extract_text()
    assert "Profile <strong>quick</strong>" in rendered[0].read_text(encoding="utf-8")


def test_every_claim_is_an_anchor_and_stands_in_print(rendered: tuple[Path, Path]) -> None:
    text = rendered[0].read_text(encoding="utf-8")
    claims = [row["id"] for row in synthetic.rows()]
    assert printed.claims_of(rendered[0]) == claims
    for name in claims:
        assert text.count(f'id="{name}"') == 1
    assert printed.missing([*claims, "000-6.0-repro"], PdfReader(rendered[1])) == {"000-6.0-repro"}


def test_print_has_every_section_in_order(rendered: tuple[Path, Path]) -> None:
    headings = printed.page_headings(rendered[0])
    assert "Toys" in headings
    assert printed.print_headings(PdfReader(rendered[1])) == headings


@pytest.mark.parametrize("whole", [one for one in WHOLE if one.with_suffix(".pdf").exists()])
def test_the_whole_report_is_in_print(whole: Path) -> None:
    page, reader = whole.with_suffix(".html"), PdfReader(whole.with_suffix(".pdf"))
    assert printed.print_headings(reader) == printed.page_headings(page)
    assert len(printed.claims_of(page)) == TOTAL
    assert printed.missing(printed.claims_of(page), reader) == set()


def test_no_two_parts_of_the_page_have_one_id(rendered: tuple[Path, Path]) -> None:
    ids = re.findall(r"""\sid="([^"]+)""", rendered[0].read_text(encoding="utf-8"))
    assert len(ids) == len(set(ids))
    assert any(name.endswith("-0") for name in ids)  # parts of figures are among them


def test_figures_stand_in_the_page_and_their_letters_are_text(
    rendered: tuple[Path, Path],
) -> None:
    text = rendered[0].read_text(encoding="utf-8")
    (figure,) = re.findall(r'<figure id="figure-toy">(.*?)</figure>', text, re.DOTALL)
    assert 'role="img" aria-label="Two groups of dots."' in figure
    assert ">good</text>" in figure
    assert "<img" not in text
    assert re.search(r"@font-face\{font-family:'DejaVu Sans';[^}]*url\(data:font/ttf", text)
    (fonts,) = [
        {font["/BaseFont"] for font in page["/Resources"]["/Font"].values()}
        for page in PdfReader(rendered[1]).pages
        if "Accuracy." in page.extract_text()
    ]
    assert any("DejaVuSans" in font and "Mono" not in font for font in fonts)


def test_every_link_has_its_target(rendered: tuple[Path, Path]) -> None:
    text = rendered[0].read_text(encoding="utf-8")
    targets = set(re.findall(r'id="([^"]+)"', text))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= targets


def test_an_image_outside_the_page_is_refused() -> None:
    with pytest.raises(RetrialError, match=r"^a\.png: no such figure, expected one that `saved`"):
        with_figures('<img src="a.png" alt="x" />', {"b.svg": "<svg></svg>"})
    assert with_figures('<img src="data:image/gif;base64,aa">', {}).endswith('aa">')


def test_quotes_are_escaped(rendered: tuple[Path, Path]) -> None:
    text = rendered[0].read_text(encoding="utf-8")
    assert "a &lt;b&gt; &amp; &quot;c&quot; | `d` ``` $e$" in text


def test_unknown_parameter_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RetrialError, match=r"overview\.py: speed = 3: unknown parameter, expected"):
        synthetic.render_toys(tmp_path, speed=3)


def test_a_users_mistake_in_a_notebook_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RetrialError, match=r"overview\.py: .*lost\.json: no such file"):
        synthetic.render_toys(tmp_path, families=["lost"])


def test_notebooks_of_two_families_may_have_one_name(tmp_path: Path) -> None:
    text = '# %% tags=["parameters"]\nprofile = ""\n\n# %%\nprint("from", profile)\n'
    for family in ("one", "other"):
        (tmp_path / family).mkdir()
        (tmp_path / family / "figures.py").write_text(text, encoding="utf-8")
        made = section(tmp_path / family / "figures.py", {"profile": family}, tmp_path)
        assert f"from {family}" in made
    # They run at the same time: neither may write where the other reads.
    assert len(list(tmp_path.glob("*.executed.ipynb"))) == 2


def test_number_carries_its_provenance(records: Records) -> None:
    text = numbers.number(records, "good", "accuracy", ".2f")
    assert text.startswith("[0.92](#sources-toy ")
    assert "stage toy" in text
    assert f"inputs md5 {records.inputs_md5()[:12]};" in text
    assert "good00000000 good10000000 good20000000 good30000000 good40000000" in text


def test_of_many_trials_and_arms_a_number_names_the_first(tmp_path: Path) -> None:
    many = made(tmp_path / "toy", "toy", {f"arm {i}": 2 for i in range(10)}, lambda arm, seed: {})
    title = numbers.drawn(1, many, many.arms(), "what")
    assert "what of arm 0, arm 1, arm 2, arm 3, arm 4 and 5 more" in title
    assert "20 trials: arm" in title
    assert title.count("in its sources") == 2


def test_number_refuses_unknown_keys(records: Records) -> None:
    with pytest.raises(RetrialError, match="no arm 'best'"):
        numbers.number(records, "best", "accuracy")
    with pytest.raises(RetrialError, match="no metric 'speed'"):
        numbers.number(records, "good", "speed")
    with pytest.raises(RetrialError, match="reduce = 'mode'"):
        numbers.number(records, "good", "accuracy", reduce="mode")
    with pytest.raises(RetrialError, match=r"config has no key draw\.mean"):
        numbers.setting(records, "good", "draw.mean")


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (0.1, "", "0.1"),
        (60000, "", "60\u202f000"),
        (-0.25, ".1f", "−0.2"),
        (float("nan"), ".2f", "nan"),
        ([256, 128], "", "256, 128"),
        (None, "", "none"),
    ],
)
def test_shown(value: object, form: str, text: str) -> None:
    assert numbers.shown(value, form) == text


@pytest.mark.parametrize(
    ("printed", "measured", "low", "shown"),
    [
        ("0.91", 0.9, 0.88, ("0.9000", "[0.8800, 0.9200]")),
        ("97", 97.0, 97.0, ("97", "[97, 0.92]")),
        ("1.00", 1.0, 0.88, ("1.0000", "[0.8800, 0.9200]")),
        ("1e-06", 1e-6, 0.88, ("1e−06", "[0.8800, 0.9200]")),
        ("", None, None, ("", "")),
    ],
)
def test_cells(
    printed: str, measured: float | None, low: float | None, shown: tuple[str, str]
) -> None:
    row = synthetic.row(0, "reproduced") | {"printed": printed, "measured": measured, "low": low}
    assert (tables.measured(row), tables.interval(row)) == shown


def test_an_exact_value_has_no_interval() -> None:
    row = synthetic.row(0, "reproduced") | {"measured": 0.9, "low": 0.9, "high": 0.9}
    assert tables.interval(row) == "exact"


def test_a_curve_counts_once_in_headlines() -> None:
    curve = [synthetic.row(place, "reproduced") | {"kind": "curve"} for place in range(3)]
    other = synthetic.row(3, "reproduced") | {"kind": "curve", "evidence": {"arm": "bad"}}
    assert [row["id"][:5] for row in show.headlines([*curve, other])] == ["000-6", "000-6"]


def test_a_number_that_was_fitted_on_does_not_count_as_reproduced() -> None:
    rows = [synthetic.row(1, "reproduced"), synthetic.row(2, "explained")]
    rows.append(synthetic.row(3, "reproduced") | {"fitted": []})
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)\{[^}]*\}", r"\1", show.summary(rows, "toys"))
    assert plain.startswith("Of 3 claims of toys: 1 reproduced, 1 explained. A further 1 came out")
    assert "further" not in show.summary(rows[1:], "toys")
    assert headline(rows[0]) == tables.FITTED
    assert {headline(row) for row in rows} <= set(figures.VERDICT_COLOURS)
    assert tables.family_table(rows, "Toys").count("fitted on") == 1


def test_a_claim_tells_what_was_chosen_and_every_arm(rendered: tuple[Path, Path]) -> None:
    text = rendered[0].read_text(encoding="utf-8")
    assert "<dt>Left open, and chosen here</dt><dd>b</dd>" in text
    assert "<dt>Of these, chosen with this number in view</dt><dd>b</dd>" in text
    assert "arm: good; metric: accuracy; others: bad, worse; thresholds · share: 0.5" in text


def test_arms_of_a_verdict() -> None:
    assert show.arms_of(synthetic.row(0, "explained")) == ["good", "bad", "worse"]


def test_ledger_of_the_project_that_results_belong_to() -> None:
    claims = show.ledger(ROOT / "data/results", "kernels")
    assert {claim.family for claim in claims} == {"kernels"}


def test_a_small_image_keeps_its_own_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    figure, axes = figures.canvas(1.5, 1, 2)
    figures.image(axes[0, 0], np.eye(5, dtype=np.uint8), "")
    figures.heat_map(axes[0, 1], np.eye(3), np.full((3, 3), ""), 0, 1)
    figures.saved(figure, "small", "A caption.", "Words.")
    text = (tmp_path / "small.svg").read_text(encoding="utf-8")
    assert re.findall(r'<image [^>]*width="(\d+)" height="(\d+)"', text) == [("5", "5"), ("3", "3")]


def test_half_width_by_hand() -> None:
    # t(.975, 2) = 4.302653, s = 1, n = 3
    assert figures.half_width(np.array([1.0, 2.0, 3.0])) == pytest.approx(4.302653 / 3**0.5)
    assert np.isnan(figures.half_width(np.array([1.0])))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_numeral_in_prose_is_typed_by_hand(path: Path) -> None:
    typed = []
    for cell in jupytext.read(path).cells:
        if cell.cell_type == "markdown":
            typed += cell.source.splitlines()
        else:
            typed += literals(ast.parse(cell.source))
    # Within a formula, digits are indices and exponents; the id of a heading is not shown.
    shown = [re.sub(r"\$[^$]*\$|\{#[\w-]+\}", "", text) for text in typed]
    assert not [text for text in shown if re.search(r"\d", text)]


def literals(tree: ast.AST) -> list[str]:
    """The literal text that the calls of PROSE show."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name_of(node) in PROSE:
            # The second argument of `saved` is the name of a file.
            skip = 2 if name_of(node) == "saved" else 0
            for argument in node.args[skip:]:
                found += shown_text(argument)
    return found


def shown_text(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Call | ast.FormattedValue | ast.Subscript | ast.Compare):
        return []
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    return [text for child in ast.iter_child_nodes(node) for text in shown_text(child)]


def name_of(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))

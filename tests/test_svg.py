"""Short SVG: the same picture, element by element and as pixels."""

import re
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import typst
from PIL import Image

from retrial.report import figures as fig
from retrial.report.fonts import copied
from retrial.report.svg import inline, minified
from retrial.report.svg_paths import LONG, hundredths, relative, vertices

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
MARK = '<defs><path id="m1" d="M 0 1 L 1 0 z" style="stroke: #aabbcc"/></defs>'


def short(body: str) -> str:
    """A small figure's elements after the opening tag."""
    text = minified(f'{HEAD} width="9pt" height="9pt" viewBox="0 0 9 9">{body}</svg>', "f")
    return text.split(">", 1)[1].removesuffix("</svg>")


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (5, ".05"), (-50, "-.5"), (1250, "12.5"), (-100, "-1"), (100_000, "1000")],
)
def test_hundredths(number: int, text: str) -> None:
    assert hundredths(number) == text


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("M 1 2 \nL 3 4 \nL 3 9 \nL 0 9 \nz\n", "m1 2 2 2v5h-3z"),
        ("M 0.004 0.006 L 1 0.006", "m0 .01h1"),
        ("M 1 1 L 2 2 L 4 1 z M 5 5 L 6 6", "m1 1 1 1 2-1zm4 4 1 1"),
        ("M 0 0 C 0 1 1 1 1 2 C 1 3 2 3 2 4 Q 2 5 3 5", "m0 0c0 1 1 1 1 2 0 1 1 1 1 2q0 1 1 1"),
        ("M 1e-05 -0 L 1 1", "m0 0 1 1"),
    ],
)
def test_paths_are_steps_in_hundredths(data: str, expected: str) -> None:
    assert relative(data) == expected


@pytest.mark.parametrize(("lines", "half_a_grain"), [(LONG - 1, 0.005), (299, 0.05)])
def test_rounding_does_not_add_up_along_a_path(lines: int, half_a_grain: float) -> None:
    data = "M 0 0 " + " ".join(f"L {i / 3:.6f} {i * i / 7:.6f}" for i in range(1, lines + 1))
    steps = re.findall(r"-?\d*\.?\d+", re.sub("[a-z]", " ", relative(data).replace("-", " -")))
    places = np.cumsum(np.array(steps, float).reshape(-1, 2), axis=0)
    assert places[-1] == pytest.approx([lines / 3, lines * lines / 7], abs=half_a_grain + 1e-6)


def test_another_command_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^path command 'A', expected one of M, L, Q, C, z$"):
        relative("M 0 0 A 1 1 0 0 1 2 2")


def test_vertices() -> None:
    assert vertices([("1", "2"), ("1.5", "2"), ("1", "1")]) == "m1 2h.5l-.5-1"


def test_what_neighbours_share_stands_once() -> None:
    lines = "".join(
        f'<g id="l{i}"><path d="M {i} 0 L {i} 9" style="fill: none; stroke: #e4e4e4"/></g>'
        for i in range(3)
    )
    assert short(lines) == (
        '<g fill="none" stroke="#e4e4e4"><path d="m0 0v9"/><path d="m1 0v9"/><path d="m2 0v9"/></g>'
    )


def test_what_is_not_inherited_stays_where_it_is() -> None:
    faint = "".join(f'<path d="M {i} 0 L 9 9" style="opacity: 0.5"/>' for i in range(3))
    assert short(faint).count('opacity="0.5"') == 3
    grouped = f'<g transform="translate(1 2)"><path d="M 0 0 L 9 9"/></g>{faint}'
    assert short(grouped).startswith('<g transform="translate(1 2)"><path d="m0 0 9 9"/></g>')


def test_a_row_of_equal_marks_is_one_path_with_markers() -> None:
    marks = "".join(
        f'<use xlink:href="#m1" x="{i}" y="{i * i}" style="fill: #ff0000"/>' for i in range(4)
    )
    assert short(f'{MARK}<g clip-path="url(#c)">{marks}</g>{CLIP}') == (
        '<defs><clipPath id="f-0"><rect x="0" y="0" width="9" height="9"/></clipPath>'
        '<marker id="f-1" markerUnits="userSpaceOnUse" overflow="visible">'
        '<path fill="#f00" d="m0 1 1-1z" stroke="#abc"/></marker></defs>'
        '<path d="m0 0 1 1 1 3 1 5" marker-start="url(#f-1)" marker-mid="url(#f-1)" '
        'marker-end="url(#f-1)" fill="none" clip-path="url(#f-0)"/>'
    )


CLIP = '<defs><clipPath id="c"><rect x="0" y="0" width="9" height="9"/></clipPath></defs>'


def test_a_lone_mark_keeps_its_clip_path_outside_its_own_place() -> None:
    one = '<use xlink:href="#m1" x="4" y="5" style="fill: #ffffff"/>'
    found = short(f'{MARK}{CLIP}<g clip-path="url(#c)">{one}</g>')
    assert found.endswith('<g clip-path="url(#f-1)"><use href="#f-0" x="4" y="5" fill="#fff"/></g>')


def test_marks_of_another_kind_end_a_row() -> None:
    marks = "".join(
        f'<use xlink:href="#m1" x="{i}" y="0" style="fill: #{colour}"/>'
        for i, colour in enumerate(["ff0000"] * 2 + ["00ff00"] * 2)
    )
    found = short(MARK + marks)
    assert found.count("<use") == 4
    assert "marker" not in found


def test_what_nothing_refers_to_goes_and_the_page_keeps_its_own_style() -> None:
    body = (
        "<metadata><x/></metadata><!-- a comment -->"
        f'<defs><style type="text/css">*{{stroke-linejoin: round}}</style></defs>{MARK}'
        '<g id="figure_1"><g id="empty"/><path d="M 0 0 L 1 1"/></g>'
    )
    assert short(body) == '<path d="m0 0 1 1"/>'
    root = minified(f"{HEAD}>{body}</svg>", "f").partition(">")[0]
    assert 'stroke-linejoin="round" stroke-linecap="butt"' in root


def test_texts_keep_their_letters_and_what_they_share_stands_on_the_root() -> None:
    text = (
        "<text style=\"font-size: 8.5px; font-family: 'DejaVu Sans'; text-anchor: {}\" "
        'x="{}" y="2" transform="rotate({} 1 2)">{}</text>'
    )
    body = text.format("middle", 1, "-0", "a &lt; b") + text.format("end", 2, "-90", "−1")
    whole = minified(f"{HEAD}>{body}</svg>", "f")
    assert 'font-family="DejaVu Sans" font-size="8.5" text-anchor="end"' in whole.partition(">")[0]
    assert ">a &lt; b</text>" in whole
    assert '<text text-anchor="middle" x="1" y="2">' in whole
    assert '<text x="2" y="2" transform="rotate(-90 1 2)">−1</text>' in whole


def test_inline_says_what_a_reader_who_cannot_see_it_should_know() -> None:
    line = '<path d="M 0 0 L 1 1"/>'
    whole = minified(f'{HEAD} width="9pt" height="9pt" viewBox="0 0 9 9">{line}</svg>', "f")
    assert inline(whole, 'a "b" & <c>') == (
        '<svg viewBox="0 0 9 9" stroke-linejoin="round" stroke-linecap="butt" role="img" '
        'aria-label="a &quot;b&quot; &amp; &lt;c&gt;"><path d="m0 0 1 1"/></svg>'
    )


def pixels(svg: str, folder: Path) -> np.ndarray:
    """An SVG as typst draws it, (height, width, 3)."""
    (folder / "x.svg").write_text(svg, encoding="utf-8")
    source = folder / "x.typ"
    source.write_text(
        '#set page(width: 468pt, height: auto, margin: 0pt)\n#image("x.svg", width: 100%)',
        encoding="utf-8",
    )
    made = typst.compile(
        source, root=folder, format="png", ppi=144, font_paths=[copied(folder / "fonts")],
        ignore_system_fonts=True,
    )  # fmt: skip
    return np.asarray(Image.open(BytesIO(made)).convert("RGB"), int)


def test_a_figure_of_every_kind_looks_the_same(tmp_path: Path) -> None:
    figure, axes = fig.canvas(2.5, 1, 4)
    chance = np.random.default_rng(0)
    groups = {"one": chance.normal(size=9), "two_b": chance.normal(size=9)}
    fig.strip(axes[0, 0], groups, {"one": 0.5, "two_b": -0.5})
    fig.strip_legend(figure)
    fig.band(axes[0, 1], np.arange(40), chance.normal(size=(3, 40)).cumsum(axis=1), "x", 1, True)
    axes[0, 1].set_xlabel("$10^{-3}$ of $\\epsilon$")
    fig.heat_map(axes[0, 2], np.eye(3), np.full((3, 3), "0.5"), 0, 1)
    axes[0, 2].set_yticks(range(3), ["a", "b", "c"], rotation=90, va="center")
    fig.stacked_counts(axes[0, 3], {"k": {"contradicted": 3, "reproduced": 2}})
    axes[0, 3].set_title("bold", weight="bold")
    plain = BytesIO()
    figure.savefig(plain, format="svg", metadata={"Date": None})
    text = plain.getvalue().decode()
    shorter = minified(text, "f")
    assert len(shorter) < len(text) / 2
    before, after = pixels(text, tmp_path), pixels(shorter, tmp_path)
    far = np.abs(before - after).max(axis=2) > 100
    assert far.sum() <= 20
    # One mark less would be seen.
    without = re.sub(r"<use[^>]*/>(?!.*<use)", "", shorter)
    assert (np.abs(before - pixels(without, tmp_path)).max(axis=2) > 100).sum() > 20


def test_a_damaged_file_is_refused() -> None:
    with pytest.raises(ElementTree.ParseError):
        minified("<svg>", "f")

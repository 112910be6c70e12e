"""The letters that a page brings for its figures."""

import base64
import re
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
from fontTools.ttLib import TTFont

from retrial.report.fonts import FACES, copied, font_faces, subset

PLAIN = '<svg font-family="DejaVu Sans"><text x="1">AV −1 &lt; ε</text></svg>'
SLANTED = '<svg><text font-style="oblique">ξ</text></svg>'


def faces(sheet: str) -> dict[tuple[str, str], set[str]]:
    """The letters of each face of a style sheet, by weight and style."""
    found = re.findall(r"font-weight:(\d+);font-style:(\w+);src:url\([^,]*,([^)]*)\)", sheet)
    return {
        (weight, style): set(map(chr, TTFont(BytesIO(base64.b64decode(data))).getBestCmap()))
        for weight, style, data in found
    }


def test_a_face_has_the_letters_of_the_figures_that_use_it() -> None:
    found = faces(font_faces([PLAIN, SLANTED]))
    assert found == {
        ("400", "normal"): set("AV −1<εξ"),
        ("400", "oblique"): {"ξ"},
    }


def test_the_same_letters_give_the_same_bytes_without_the_time() -> None:
    first = subset("DejaVuSans.ttf", "abc")
    assert first == subset("DejaVuSans.ttf", "cab")
    whole = TTFont(Path(mpl.get_data_path()) / "fonts/ttf" / FACES["400", "normal"])
    assert TTFont(BytesIO(first))["head"].modified == whole["head"].modified


def test_kerning_stays() -> None:
    assert "GPOS" in TTFont(BytesIO(subset("DejaVuSans.ttf", "AVTo")))


def test_a_letter_that_the_font_lacks_is_left_out() -> None:
    assert faces(font_faces(['<svg><text font-size="1">a漢</text></svg>'])) == {
        ("400", "normal"): {"a"}
    }


def test_print_is_set_with_these_files_and_no_others(tmp_path: Path) -> None:
    folder = copied(tmp_path / "fonts")
    assert {path.name for path in folder.iterdir()} == set(FACES.values())

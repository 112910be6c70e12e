from pathlib import Path

import pytest

from retrial.core.errors import RetrialError
from retrial.tools.quotes import holds, read_reports, squeezed


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("achieved an accu-\nracy of 92%", "an accu-racy of 92%"),
        ("an   accuracy\n of 92 %", "accuracy of 92%"),
        ("دقت می\u200cشود", "دقت می شود"),
        ("the ﬁrst model", "first"),
        ("the first of many long words is last", "the first … is last"),
    ],
)
def test_breaks_of_lines_and_words_do_not_matter(text: str, quote: str) -> None:
    assert holds(squeezed(text), quote) == ""


def test_the_missing_part_is_told() -> None:
    assert holds(squeezed("one two three"), "one … four") == "four"
    assert holds(squeezed("one two three"), "three … one") == "one"
    assert holds(squeezed("accuracy of 92%"), "accuracy of 93%") == "accuracy of 93%"


def test_reports_are_found_by_their_number(tmp_path: Path) -> None:
    (tmp_path / "000_x.txt").write_text("a b")
    (tmp_path / "001.txt").write_text("c")
    assert read_reports(tmp_path) == {"000": "ab", "001": "c"}


def test_a_folder_without_texts_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RetrialError, match="expected one text for each report"):
        read_reports(tmp_path)

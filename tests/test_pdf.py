"""Packed PDFs: every object, page and heading as typst wrote them, in fewer bytes."""

import re
import zlib
from io import BytesIO

import pytest
import typst
from pypdf import PdfReader
from pypdf.generic import IndirectObject

from retrial.report.pdf import ROW, deflated, packed

SOURCE = """
#set document(title: "toys", date: none)
#set heading(numbering: none)
= One <one>
Text with a #link(<two>)[link].
#table(columns: 3, ..range(900).map(str))
== Two <two>
#table(columns: 2, [a], [(b) >> endobj], [xref], [stream])
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    source = tmp_path_factory.mktemp("pdf") / "x.typ"
    source.write_text(SOURCE, encoding="utf-8")
    made = typst.compile(source, format="pdf", ignore_system_fonts=True)
    assert isinstance(made, bytes)
    return made


def read(content: bytes) -> PdfReader:
    return PdfReader(BytesIO(content), strict=True)


def told(thing: object) -> str:
    """An object as text, without the address of the file that it was read from."""
    return re.sub(r"(IndirectObject\(\d+, 0), \d+", r"\1", repr(thing))


def test_every_object_reads_back(plain: bytes) -> None:
    before, after = read(plain), read(packed(plain))
    count = int(before.trailer["/Size"])
    assert count > 1000
    for number in range(1, count):
        one, other = (IndirectObject(number, 0, file).get_object() for file in (before, after))
        assert told(one) == told(other), number
    for key in ("/Root", "/Info", "/ID"):
        assert told(before.trailer.raw_get(key)) == told(after.trailer.raw_get(key))


def test_pages_headings_and_tags_stay(plain: bytes) -> None:
    before, after = read(plain), read(packed(plain))
    texts = [page.extract_text() for page in before.pages]
    assert [page.extract_text() for page in after.pages] == texts
    assert after.outline[0]["/Title"] == before.outline[0]["/Title"] == "One"  # type: ignore
    assert "/StructTreeRoot" in after.trailer["/Root"]
    assert after.metadata == before.metadata


def test_it_is_smaller_and_the_same_each_time(plain: bytes) -> None:
    assert len(packed(plain)) < len(plain) / 3
    assert packed(plain) == packed(plain)


@pytest.mark.parametrize(
    "damage",
    [lambda text: text[:-40], lambda text: b"", lambda text: text.replace(b"xref", b"x")],
)
def test_another_file_is_refused(plain: bytes, damage: object) -> None:
    with pytest.raises(ValueError, match=r"^PDF: no table of places at its end, expected one as"):
        packed(damage(plain))  # type: ignore[operator]


def test_a_moved_object_is_refused(plain: bytes) -> None:
    with pytest.raises(ValueError, match=r"^PDF: object \d+ is not where the table of places says"):
        packed(plain.replace(b"1 0 obj", b"1 0 obJ", 1))


@pytest.mark.parametrize("size", [7, ROW])
def test_deflated_rows_stand_after_a_zero_each(size: int) -> None:
    data = bytes(range(256)) * size
    rows = zlib.decompress(deflated(data, size))
    expected = [b"\0" + data[i : i + size] for i in range(0, len(data), size)]
    assert rows == b"".join(expected)

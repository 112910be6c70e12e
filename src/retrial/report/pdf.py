"""A PDF in fewer bytes: small objects packed into compressed streams, as PDF 1.5 allows.

typst writes every tag of a heading, a paragraph or a table's cell as an object of its own, in
plain text, with a line in a table of places: more than half of a report with many tables. Nothing
is changed or left out here; the objects and their places are stored compressed.
"""

import re
import struct
from collections.abc import Iterable
from io import BytesIO

from PIL import Image

GROUP = 250  # objects in a stream: a reader unpacks a stream for any one of them
ROW = 4096  # bytes in a row of a packed stream
PLACE = ">BIH"  # kind of an entry, its offset or stream, its place there


def packed(content: bytes) -> bytes:
    """A PDF of typst, a classic table of places at its end, with object streams instead.

    Raises ValueError when `content` does not end as typst's files do.
    """
    end = re.search(rb"startxref\s+(\d+)\s+%%EOF\s*$", content)
    if end is None or content[int(end[1]) : int(end[1]) + 4] != b"xref":
        raise ValueError("PDF: no table of places at its end, expected one as typst writes it")
    table, _, trailer = content[int(end[1]) : end.start()].partition(b"trailer")
    objects = dict(_objects(content, table))
    first = min(offset for _, offset in _places(table))
    out = bytearray(content[:first])
    # By object: 1 and its offset, or 2, the stream that holds it and its place there.
    entries: dict[int, tuple[int, int, int]] = {0: (0, 0, 65535)}
    for number, body in objects.items():
        if body.endswith(b"endstream"):
            entries[number] = (1, len(out), 0)
            out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    small = [(n, body) for n, body in objects.items() if not body.endswith(b"endstream")]
    number = max(objects)
    for begin in range(0, len(small), GROUP):
        number += 1
        group = small[begin : begin + GROUP]
        entries |= {n: (2, number, place) for place, (n, _) in enumerate(group)}
        entries[number] = (1, len(out), 0)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, _object_stream(group))
    number += 1
    entries[number] = (1, len(out), 0)
    start = len(out)
    missing = (0, 0, 65535)
    places = b"".join(struct.pack(PLACE, *entries.get(n, missing)) for n in range(number + 1))
    kept = re.sub(rb"/Size \d+", b"", trailer.strip().removeprefix(b"<<").removesuffix(b">>"))
    width = struct.calcsize(PLACE)
    head = b"/Type/XRef/Size %d/W[1 4 2]%s" % (number + 1, kept)
    out += b"%d 0 obj\n%s\nendobj\n" % (number, _stream(places, head, width))
    out += b"startxref\n%d\n%%%%EOF\n" % start
    return bytes(out)


def _places(table: bytes) -> Iterable[tuple[int, int]]:
    """The objects in use and their offsets, from a classic table of places."""
    lines = table.split(b"\n")[1:]
    number = 0
    for line in lines:
        entry = re.fullmatch(rb"(\d{10}) (\d{5}) ([nf])\s*", line)
        if entry is None:
            section = re.fullmatch(rb"(\d+) \d+\s*", line)
            number = int(section[1]) if section else number
            continue
        if entry[3] == b"n":
            yield number, int(entry[1])
        number += 1


def _objects(content: bytes, table: bytes) -> Iterable[tuple[int, bytes]]:
    """Every object's number and what stands between `obj` and `endobj`, in the file's order."""
    places = sorted(_places(table), key=lambda place: place[1])
    end = content.rindex(b"xref", 0, content.rindex(b"startxref"))
    for (number, offset), (_, after) in zip(places, [*places[1:], (0, end)], strict=True):
        head = b"%d 0 obj" % number
        text = content[offset:after].strip()
        if not (text.startswith(head) and text.endswith(b"endobj")):
            raise ValueError(f"PDF: object {number} is not where the table of places says")
        yield number, text.removeprefix(head).removesuffix(b"endobj").strip()


def _object_stream(group: list[tuple[int, bytes]]) -> bytes:
    heads, bodies, offset = [], [], 0
    for number, body in group:
        heads.append(b"%d %d" % (number, offset))
        bodies.append(body)
        offset += len(body) + 1
    header = b" ".join(heads) + b"\n"
    text = header + b"\n".join(bodies)
    head = b"/Type/ObjStm/N %d/First %d" % (len(group), len(header))
    return _stream(text + b" " * (-len(text) % ROW), head, ROW)


def _stream(data: bytes, head: bytes, width: int) -> bytes:
    """A compressed stream with `head` in its dictionary; `data` are whole rows of `width` bytes."""
    short = deflated(data, width)
    filters = b"/Filter/FlateDecode/DecodeParms<</Predictor 15/Columns %d>>" % width
    return b"<<%s%s/Length %d>>\nstream\n%s\nendstream" % (head, filters, len(short), short)


def deflated(data: bytes, width: int) -> bytes:
    """Whole rows of `width` bytes as the compressed data of a PNG, each row after a zero.

    Python's own zlib is whatever the system has, and its bytes differ between versions; Pillow
    brings its own, which the lock pins. PDF reads such data as predictor 15.
    """
    file = BytesIO()
    image = Image.frombytes("P", (width, len(data) // width), data)
    # With a palette of 256 colours Pillow keeps whole bytes, and tries no filters on its rows.
    image.putpalette(bytes(3 * 256))
    image.save(file, "PNG", compress_level=9)
    png = file.getvalue()
    found, place = b"", 8
    while place < len(png):
        size, kind = struct.unpack(">I4s", png[place : place + 8])
        if kind == b"IDAT":
            found += png[place + 8 : place + 8 + size]
        place += 12 + size
    return found

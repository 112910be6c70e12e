"""The font of the figures: DejaVu Sans as matplotlib brings it, for a page and for print.

Figures keep their text as text. For them to look the same everywhere, the page carries the letters
that it needs, and print is set with the same files.
"""

import base64
import html
import re
import shutil
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

FAMILY = "DejaVu Sans"
# By weight and style, as a figure names them.
FACES = {
    ("400", "normal"): "DejaVuSans.ttf",
    ("700", "normal"): "DejaVuSans-Bold.ttf",
    ("400", "oblique"): "DejaVuSans-Oblique.ttf",
    ("700", "oblique"): "DejaVuSans-BoldOblique.ttf",
}


def copied(folder: Path) -> Path:
    """`folder` with all FACES in it, and no other font."""
    folder.mkdir(exist_ok=True)
    for name in FACES.values():
        shutil.copyfile(_files() / name, folder / name)
    return folder


def font_faces(figures: Iterable[str]) -> str:
    """The style sheet with the letters of these SVG texts, each face where one names it.

    The same letters give the same bytes: no time is written into a font.
    """
    needed: dict[tuple[str, str], set[str]] = {}
    for figure in figures:
        letters = set("".join(map(html.unescape, re.findall(r">([^<]+)<", figure))))
        bold, oblique = 'font-weight="' in figure, re.search(r'font-style="', figure)
        for weight, style in FACES:
            if (weight == "400" or bold) and (style == "normal" or oblique):
                needed.setdefault((weight, style), set()).update(letters)
    return "".join(
        f"@font-face{{font-family:'{FAMILY}';font-weight:{weight};font-style:{style};"
        f"src:url(data:font/ttf;base64,{base64.b64encode(data).decode()})}}\n"
        for (weight, style), letters in sorted(needed.items())
        for data in [subset(FACES[weight, style], letters)]
    )


def subset(name: str, letters: Iterable[str]) -> bytes:
    """The font file `name` of matplotlib with the given letters only; those it lacks are left out.

    Kerning stays: figures are set with it. Hints, which screens of today ignore, go.
    """
    options = Options(
        hinting=False, layout_features=["kern", "mark", "mkmk", "ccmp"], name_IDs=[0, 1, 2, 13],
        notdef_outline=True, bidi_closure=False, drop_tables=["FFTM", "DSIG", "STAT"],
    )  # fmt: skip
    font = TTFont(_files() / name, recalcTimestamp=False)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=sorted({ord(letter) for letter in letters}))
    subsetter.subset(font)
    file = BytesIO()
    font.save(file)
    return file.getvalue()


def _files() -> Path:
    return Path(mpl.get_data_path()) / "fonts/ttf"

"""Text of others (quotes, names, reasons, formulas) within Markdown, HTML and typst, as text.

The report is put together as Markdown, with raw parts for each of its two forms. What comes from a
claim file, from params.yaml or from a record goes through one of these functions on its way: none
of it may end the raw part that it stands in, begin one, or become a tag, a call or a link.
"""

import base64
import hashlib
import re

from retrial.core.errors import RetrialError
from retrial.core.names import NAME

# Letters, digits and signs that Markdown takes for themselves within a line.
MEANS_NOTHING = re.compile(r"(?:[^\W_]|[ +,;%×±−∞≥≤/()–\u202f]|\.(?!\.))*")
FENCE = 8  # backticks around a raw block, where its text has no longer run of them


def plain(text: str) -> str:
    """Text as Markdown of one paragraph that means just this text."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!<>|~^$\"'@=:&])", r"\\\1", one_line(text))


def label(text: str) -> str:
    """As `plain`, for the text of a link; numbers and words stay as readable as they are."""
    return text if MEANS_NOTHING.fullmatch(text) else plain(text)


def prose(text: str) -> str:
    """As `plain`, with its quotes and apostrophes set as those of the report's own prose."""
    return plain(text).replace("\\'", "'").replace('\\"', '"')


def one_line(text: str) -> str:
    """Text with its line ends as spaces: an empty line would end a paragraph, a cell or a link."""
    return re.sub(r"[ \t]*[\r\n\f\v\x1c-\x1e\x85\u2028\u2029]\s*", " ", text)


def attribute(text: str) -> str:
    """Text as a title or an attribute of Markdown, between double quotes."""
    return one_line(text).replace("\\", "").replace('"', "'")


def identifier(name: str) -> str:
    """`name` itself, as part of an id; RetrialError unless it is a NAME."""
    if not re.fullmatch(NAME, name):
        raise RetrialError(
            f"report: name {name!r}: expected letters, digits and . _ + / - only, as in claims/"
        )
    return name


def formula(tex: str) -> str:
    """TeX within a line of Markdown; as plain text where it would not stay one formula."""
    line = one_line(tex).strip()
    backslashes = len(line) - len(line.rstrip("\\"))
    if not line or "$" in line or backslashes % 2:
        return plain(line)
    return f"${line}$"


def raw_block(form: str, text: str) -> str:
    """A block that pandoc passes on to `form` (html or typst) as it is, whatever it holds."""
    fence = "`" * max(FENCE, _longest_run(text) + 1)
    return f"{fence}{{={form}}}\n{text}\n{fence}"


def raw_inline(form: str, text: str) -> str:
    """As `raw_block`, within a line."""
    line, fence = one_line(text), "`" * (_longest_run(text) + 1)
    # pandoc takes such spaces away again.
    edge = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{edge}{line}{edge}{fence}{{={form}}}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def typst_string(text: str) -> str:
    """A string of typst: what stands in it is never code."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'


def script_hash(script: str) -> str:
    """The source expression by which a page allows just this script to run (CSP, level 2)."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"

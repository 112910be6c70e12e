"""SVG files written short: the same picture in fewer bytes.

Matplotlib writes each element with a style of its own, coordinates to a millionth of a point, and
a group around every artist. Here attributes that neighbours share stand once on a group around
them, coordinates keep two decimals (a 7 000th of an inch), and a row of equal marks is one path
with a marker at each vertex. What is drawn, and in which order, stays.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from retrial.report.svg_images import shortened_image
from retrial.report.svg_paths import relative, vertices

NAMESPACE = "http://www.w3.org/2000/svg"
# Attributes that elements inherit: on a group they are the same as on each of its elements.
INHERITED = frozenset(
    {
        "fill", "fill-opacity", "fill-rule", "font-family", "font-size", "font-style",
        "font-weight", "stroke", "stroke-dasharray", "stroke-dashoffset", "stroke-linecap",
        "stroke-linejoin", "stroke-miterlimit", "stroke-opacity", "stroke-width", "text-anchor",
    }
)  # fmt: skip
FONT = ("font-family", "font-size", "font-style", "font-weight", "text-anchor")
FONT_INITIAL = {"font-style": "normal", "font-weight": "400", "text-anchor": "start"}
# Matplotlib sets these for all elements by a style sheet, which would reach a whole page.
EVERYWHERE = {"stroke-linejoin": "round", "stroke-linecap": "butt"}
MARKS = 3  # as many equal marks in a row become one path


@dataclass
class Node:
    """An element: its name, its attributes in order, its children, and the text before them."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list["Node"] = field(default_factory=list)
    text: str = ""

    def shared(self) -> dict[str, str]:
        """The attributes that may stand on a group around this element instead."""
        # A clip path lies in the coordinates of the element, which its transform moves.
        clip = {"clip-path"} if "transform" not in self.attributes else set()
        return {k: v for k, v in self.attributes.items() if k in INHERITED | clip}


def minified(text: str, prefix: str) -> str:
    """An SVG file of matplotlib, shorter; its ids are `prefix`, a hyphen and a number.

    Raises xml.etree.ElementTree.ParseError when `text` is not XML.
    """
    # What is read was written by matplotlib a moment ago, and never comes from a file.
    root = _read(ElementTree.fromstring(text))  # noqa: S314
    definitions: list[Node] = []
    drawn = _marked(list(_flat(root.children, {}, definitions)), definitions)
    _set_fonts(root, [*drawn, *definitions])
    root.attributes |= EVERYWHERE
    kept = _kept(definitions, drawn)
    root.children = [*([Node("defs", {}, kept)] if kept else []), *_grouped(drawn)]
    _rename(root, prefix)
    root.attributes = {"xmlns": NAMESPACE, **root.attributes}
    return _written(root)


def inline(text: str, alternative: str) -> str:
    """A minified SVG as an element of an HTML page, with `alternative` as its text."""
    opening, rest = text.split(">", 1)
    plain = re.sub(r' (xmlns|width|height)="[^"]*"', "", opening)
    return f'{plain} role="img" aria-label={_quoted(alternative)}>{rest}'


def _read(element: ElementTree.Element) -> Node:
    """An element without namespaces, its style as attributes, its numbers rounded."""
    attributes: dict[str, str] = {}
    for key, value in element.attrib.items():
        name = key.rpartition("}")[2]
        if name == "style":
            pairs = (part.partition(":") for part in value.split(";") if part.strip())
            attributes |= {k.strip(): _style(k.strip(), v.strip()) for k, _, v in pairs}
        else:
            attributes[name] = _geometry(name, value)
    if not attributes.get("transform", "-"):
        del attributes["transform"]
    attributes.pop("version", None)
    tag = element.tag.rpartition("}")[2]
    inner = [_read(child) for child in element if child.tag.rpartition("}")[2] not in LEFT_OUT]
    return Node(tag, attributes, inner, "" if tag in HOLDERS else element.text or "")


LEFT_OUT = frozenset({"metadata", "style"})
HOLDERS = frozenset({"svg", "g", "defs", "clipPath", "pattern"})


def _style(key: str, value: str) -> str:
    if key == "font-family":
        return value.replace("'", "")
    if key.startswith("stroke-dash") or key in ("stroke-width", "font-size"):
        return _rounded(value.replace("px", ""), 3)
    short = re.fullmatch(r"#(.)\1(.)\2(.)\3", value)
    return "#" + "".join(short.groups()) if short else value


def _geometry(name: str, value: str) -> str:
    if name == "d":
        return relative(value)
    if name == "href":
        return shortened_image(value)
    if name in ("x", "y", "width", "height", "points"):
        return value if value.endswith("pt") else _rounded(value, 2)
    if name == "transform":
        value = re.sub(r"rotate\(-?0 [^)]*\)", "", value).strip()
        moved = re.sub(r"translate\([^)]*\)", lambda m: _rounded(m[0], 2), value)
        return re.sub(r"(scale|rotate|matrix)\([^)]*\)", lambda m: _rounded(m[0], 5), moved)
    return value


def _rounded(text: str, decimals: int) -> str:
    """The numbers of a text to so many decimals, without zeros that say nothing."""

    def short(match: re.Match[str]) -> str:
        number = f"{float(match[0]):.{decimals}f}".rstrip("0").rstrip(".")
        return "0" if number in ("-0", "") else re.sub(r"^(-?)0\.", r"\1.", number)

    return re.sub(r"-?\d+\.\d+(?:e-?\d+)?", short, text)


def _flat(nodes: Iterable[Node], outer: dict[str, str], definitions: list[Node]) -> Iterable[Node]:
    """Elements without the groups around them, whose attributes they take over."""
    for node in nodes:
        if node.tag == "defs":
            definitions += node.children
            continue
        if node.tag == "g":
            node.attributes.pop("id", None)
            plain = set(node.attributes) <= set(node.shared())
            moved = any("transform" in child.attributes for child in node.children)
            if plain and not (moved and "clip-path" in node.attributes):
                yield from _flat(node.children, outer | node.attributes, definitions)
                continue
            node.children = list(_flat(node.children, {}, definitions))
        node.attributes = outer | node.attributes
        yield node


def _marked(nodes: Sequence[Node], definitions: list[Node]) -> list[Node]:
    """Rows of equal marks as paths with markers."""
    marks = {node.attributes.get("id"): node for node in definitions}
    result: list[Node] = []
    start = 0
    while start < len(nodes):
        end = start + 1
        while end < len(nodes) and _kind(nodes[end]) == _kind(nodes[start]) is not None:
            end += 1
        row = nodes[start:end]
        if len(row) >= MARKS and _kind(row[0]) is not None:
            # A mark is an element of the definitions and does not see the style around its row.
            style = {k: v for k, v in row[0].attributes.items() if k not in PLACE}
            clip = {k: style.pop(k) for k in ("clip-path",) if k in style}
            mark = marks[row[0].attributes["href"][1:]]
            shape = Node("path", {**style, **mark.attributes})
            shape.attributes.pop("id")
            name = f"row{len(definitions)}"
            definitions.append(Node("marker", {"id": name, **MARKER}, [shape]))
            places = [(one.attributes["x"], one.attributes["y"]) for one in row]
            ends = {f"marker-{part}": f"url(#{name})" for part in ("start", "mid", "end")}
            result.append(Node("path", {"d": vertices(places), **ends, "fill": "none", **clip}))
        else:
            result += row
        start = end
    return result


PLACE = frozenset({"href", "x", "y"})
MARKER = {"markerUnits": "userSpaceOnUse", "overflow": "visible"}


def _kind(node: Node) -> tuple[tuple[str, str], ...] | None:
    """What a mark shares with its like; None for what is no mark."""
    if node.tag != "use" or "transform" in node.attributes or node.children:
        return None
    return tuple(sorted((k, v) for k, v in node.attributes.items() if k not in ("x", "y")))


def _set_fonts(root: Node, nodes: Sequence[Node]) -> None:
    """Put what most texts have in common on the root: nothing else reads it."""
    texts = [node for node in _all(nodes) if node.tag in ("text", "tspan") and node.text]
    for key in FONT:
        found = Counter(text.attributes[key] for text in texts if key in text.attributes)
        if not found:
            continue
        initial = FONT_INITIAL.get(key)
        common = min(found, key=lambda value: (-found[value], value))
        # A property that some texts leave at its initial value stays where it is set.
        if initial is None or len(texts) == found.total():
            root.attributes[key] = common
        for text in texts:
            if text.attributes.get(key) == root.attributes.get(key, initial):
                text.attributes.pop(key, None)


def _grouped(nodes: Sequence[Node]) -> list[Node]:
    """Neighbours with equal attributes as groups that carry these, where that is shorter."""
    result: list[Node] = []
    start = 0
    while start < len(nodes):
        shared = nodes[start].shared()
        runs = {pair: _run(nodes, start, pair) for pair in shared.items()}
        best, gain = 1, 0
        for length in set(runs.values()):
            cost = sum(len(k) + len(v) + 4 for (k, v), run in runs.items() if run >= length)
            if (length - 1) * cost - len("<g></g>") > gain:
                best, gain = length, (length - 1) * cost - len("<g></g>")
        row = nodes[start : start + best]
        if best > 1:
            common = dict(pair for pair, run in runs.items() if run >= best)
            for node in row:
                for key in common:
                    del node.attributes[key]
            result.append(Node("g", common, _grouped(row)))
        else:
            result.append(_clipped(row[0]))
        start += best
    return result


def _clipped(node: Node) -> Node:
    """A mark within its clip path: on the mark itself, the path would move along with it."""
    if node.tag != "use" or "clip-path" not in node.attributes:
        return node
    return Node("g", {"clip-path": node.attributes.pop("clip-path")}, [node])


def _run(nodes: Sequence[Node], start: int, pair: tuple[str, str]) -> int:
    key, value = pair
    end = start + 1
    while end < len(nodes) and nodes[end].shared().get(key) == value:
        end += 1
    return end - start


def _all(nodes: Iterable[Node]) -> Iterable[Node]:
    for node in nodes:
        yield node
        yield from _all(node.children)


def _references(nodes: Iterable[Node]) -> set[str]:
    found: set[str] = set()
    for node in _all(nodes):
        for key, value in node.attributes.items():
            if key == "href" and value.startswith("#"):
                found.add(value[1:])
            elif "url(#" in value:
                found |= set(re.findall(r"url\(#([^)]+)\)", value))
    return found


def _kept(definitions: Sequence[Node], drawn: Sequence[Node]) -> list[Node]:
    """Definitions that something drawn refers to, itself or through another one."""
    wanted, before = _references(drawn), set[str]()
    while wanted != before:
        before = set(wanted)
        wanted |= _references(d for d in definitions if d.attributes.get("id") in before)
    return [node for node in definitions if node.attributes.get("id") in wanted]


def _rename(root: Node, prefix: str) -> None:
    """Short ids for what is referred to, and none for the rest."""
    wanted = _references([root])
    names = {
        name: f"{prefix}-{place}"
        for place, name in enumerate(
            node.attributes["id"] for node in _all([root]) if node.attributes.get("id") in wanted
        )
    }
    for node in _all([root]):
        if node.attributes.get("id", "") not in names:
            node.attributes.pop("id", None)
        for key, value in node.attributes.items():
            if key == "id":
                node.attributes[key] = names[value]
            elif key == "href" and value.startswith("#"):
                node.attributes[key] = f"#{names[value[1:]]}"
            elif "url(#" in value:
                node.attributes[key] = re.sub(
                    r"url\(#([^)]+)\)", lambda m: f"url(#{names[m[1]]})", value
                )


def _written(node: Node) -> str:
    names = "".join(f" {key}={_quoted(value)}" for key, value in node.attributes.items())
    inner = escape(node.text) + "".join(map(_written, node.children))
    return f"<{node.tag}{names}>{inner}</{node.tag}>" if inner else f"<{node.tag}{names}/>"


def _quoted(value: str) -> str:
    return '"' + escape(value, {'"': "&quot;"}) + '"'

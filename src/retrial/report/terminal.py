"""Typeset lines for a terminal: one line of Unicode."""

import re

import pypandoc

# A group in braces that holds groups in braces, and these once more.
GROUP = r"\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}"
# What is set over several lines, as a list: rows by semicolons, columns by commas.
LISTS = {
    r"\begin{bmatrix}": "[", r"\end{bmatrix}": "]",
    r"\begin{pmatrix}": "[", r"\end{pmatrix}": "]",
    r"\begin{cases}": r"\{", r"\end{cases}": r"\}",
    r"\\": "; ", "&": r",\ ",
}  # fmt: skip
# What pandoc sets in a line only as text, or not at all.
PLAIN = {r"\sum": r"\text{∑}", r"\lim": r"\text{lim}", r"\vec\nabla": "∇"}


def in_terminal(tex: str) -> str:
    """A formula in one line of Unicode, as far as it goes; what does not stays TeX.

    Fractions become slashes and matrices lists, which pandoc would not do.
    """
    if not tex:
        return ""
    flat = re.sub(r"\\(?:left|right)(?![a-z])|\\[,;!]", " ", tex)
    flat = re.sub(r"(frac)(\d)(\d)", r"\1{\2}{\3}", flat)
    for command, sign in (LISTS | PLAIN).items():
        flat = flat.replace(command, sign)
    while (found := re.search(rf"\\[td]?frac{GROUP}{GROUP}", flat)) is not None:
        above, below = (f"({one})" if len(one) > 1 else one for one in found.groups())
        flat = f"{flat[: found.start()]}{above}/{below}{flat[found.end() :]}"
    flat = re.sub(rf"\\sqrt{GROUP}", r"√(\1)", flat)
    flat = re.sub(rf"\\binom{GROUP}{GROUP}", r"\\text{C}(\1, \2)", flat)
    options = ["--wrap=none", "--quiet"]
    text = str(
        pypandoc.convert_text(f"${flat.strip()}$", "plain", format="markdown", extra_args=options)
    )
    # Brackets around one sign, of an index or an exponent.
    return " ".join(re.sub(r"([_^])\((\S)\)", r"\1\2", text).split())

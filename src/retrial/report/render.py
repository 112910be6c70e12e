"""From notebooks and results to one self-contained HTML file and one PDF.

Notebooks in jupytext's percent format are executed by papermill, turned into Markdown, put one
after the other, and set by pandoc: as HTML with its figures within, and as typst source that
typst compiles with its own fonts and that of the figures. Nothing that differs from run to run or
from folder to folder (clocks, paths, cell ids, users' fonts and startup files) reaches the two
files.
"""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, contextmanager
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import papermill
import pypandoc
import typst
from jupyter_core.utils import ensure_event_loop
from nbconvert import MarkdownExporter
from papermill.exceptions import PapermillExecutionError
from papermill.iorw import local_file_io_cwd

import retrial
from retrial.core.errors import RetrialError
from retrial.report.fonts import copied, font_faces
from retrial.report.markup import script_hash
from retrial.report.pdf import packed
from retrial.report.svg import inline

TITLE = "Retrial"
SUBTITLE = "Printed machine-learning results, put on trial again"
# No citations, no emoji: "@" and ":" stand for themselves in quotes of reports. No tags and no TeX
# beside formulas: what is raw stands in blocks that say so.
MARKDOWN = (
    "markdown-citations-auto_identifiers+gfm_auto_identifiers"
    "-raw_html-raw_tex-latex_macros-native_divs-native_spans-markdown_in_html_blocks"
)
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
TEMPLATES = ("report.html", "report.css", "report.js", "report.typ")


def render(
    notebooks: Sequence[Path],
    template: Path,
    parameters: Mapping[str, Any],
    html: Path,
    pdf: Path,
) -> None:
    """Execute `notebooks` with `parameters` and write the report as `html` and `pdf`.

    `parameters` must name `profile`; every notebook declares all that it is given. `template` is
    the folder of TEMPLATES; parameters that are paths are given as absolute ones, since notebooks
    run in a folder of their own. Raises RetrialError when a notebook or a template is missing, when
    a notebook does not declare a parameter, or when it meets a user's mistake.
    """
    for path in (*notebooks, *(template / name for name in TEMPLATES)):
        if not path.is_file():
            raise RetrialError(f"{path}: no such file, expected a part of the report")
    notebooks, template = [path.resolve() for path in notebooks], template.resolve()
    html, pdf = html.resolve(), pdf.resolve()
    given = {
        key: str(value.resolve()) if isinstance(value, Path) else value
        for key, value in parameters.items()
    }
    with tempfile.TemporaryDirectory(prefix="report-") as name:
        folder = Path(name)
        with _apart(folder), ThreadPoolExecutor(max_workers=min(4, len(notebooks))) as pool:
            parts = list(pool.map(partial(section, parameters=given, folder=folder), notebooks))
        text = "\n\n".join(parts)
        profile = str(parameters["profile"])
        made = page(text, template, profile, folder), sheet(text, template, profile, folder)
        for source, target in zip(made, (html, pdf), strict=True):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def section(notebook: Path, parameters: Mapping[str, Any], folder: Path) -> str:
    """A notebook's Markdown after its execution in `folder`, where its figures are left."""
    # Notebooks of two families may have one name, and run at the same time.
    name = f"{notebook.parent.name}-{notebook.stem}"
    plain, executed = (folder / f"{name}{end}.ipynb" for end in ("", ".executed"))
    content = jupytext.read(notebook)
    content.metadata["kernelspec"] = KERNEL
    nbformat.write(content, plain)
    check_parameters(notebook, plain, parameters)
    try:
        papermill.execute_notebook(
            plain,
            executed,
            parameters=dict(parameters),
            kernel_name=KERNEL["name"],
            cwd=folder,
            progress_bar=False,
            # ipykernel would warn at each start that kernels talk over the loopback only, and call
            # it an error when one is told to end. A cell that fails is raised here all the same.
            extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
        )
    except PapermillExecutionError as error:
        if error.ename == "RetrialError":
            raise RetrialError(f"{notebook}: {error.evalue}") from None
        raise
    finally:
        # The loop that Jupyter opens in each thread stays open, with its sockets, otherwise.
        ensure_event_loop().close()
    return markdown(nbformat.read(executed, as_version=4), notebook)


def check_parameters(notebook: Path, plain: Path, parameters: Mapping[str, Any]) -> None:
    """Refuse a parameter that the notebook does not declare: papermill would only warn."""
    declared = papermill.inspect_notebook(plain)
    for key, value in parameters.items():
        if key not in declared:
            known = ", ".join(sorted(declared)) or "none"
            raise RetrialError(
                f"{notebook}: {key} = {value!r}: unknown parameter, expected one of {known}"
            )


def markdown(executed: nbformat.NotebookNode, notebook: Path) -> str:
    """The text and the outputs of an executed notebook; its code stays in the source."""
    for cell in executed.cells:
        if cell.cell_type == "code":
            cell.outputs = list(_merged(cell.outputs, notebook))
    exporter = MarkdownExporter(exclude_input=True)
    body, _ = exporter.from_notebook_node(executed)
    return str(body)


def _merged(outputs: Sequence[Any], notebook: Path) -> Iterator[Any]:
    """Outputs with adjacent chunks of one stream put together: chunks differ between runs."""
    last = None
    for output in outputs:
        if output.output_type == "stream" and output.name == "stderr":
            # Warnings, such as of a font cache that is built once, are the terminal's.
            print(f"{notebook.name}: {output.text.strip()}", file=sys.stderr)
        elif output.output_type == "stream" and last is not None:
            last.text += output.text
        else:
            last = output if output.output_type == "stream" else None
            yield output


def page(text: str, template: Path, profile: str, folder: Path) -> Path:
    """The report as one HTML file that loads nothing."""
    head, foot, target = folder / "head.html", folder / "foot.html", folder / "report.html"
    figures = {p.name: p.read_text(encoding="utf-8") for p in sorted(folder.glob("*.svg"))}
    style = (template / "report.css").read_text(encoding="utf-8")
    script = f"\n{(template / 'report.js').read_text(encoding='utf-8')}"
    head.write_text(f"<style>\n{font_faces(figures.values())}{style}</style>\n", encoding="utf-8")
    foot.write_text(f"<script>{script}</script>\n", encoding="utf-8")
    options = [
        f"--template={(template / 'report.html').resolve()}",
        "--standalone", "--mathml", "--section-divs",
        "--toc", "--toc-depth=2",
        # The page's own script runs, and none that a claim or a name might bring into it.
        f"--variable=script:{script_hash(script)}",
        f"--include-in-header={head}", f"--include-after-body={foot}",
    ]  # fmt: skip
    _pandoc(text, "html5", target, profile, options, folder)
    written = target.read_text(encoding="utf-8")
    # pandoc says of every cell how it is aligned: a class is shorter, and left is the default.
    short = written.replace(' style="text-align: left;"', "")
    short = short.replace(' style="text-align: right;"', ' class="end"')
    target.write_text(with_figures(short, figures), encoding="utf-8")
    return target


def with_figures(page: str, figures: Mapping[str, str]) -> str:
    """A page with its SVG files, by name, in the place of the images that refer to them.

    Within the page their text is set in its font, can be searched and read aloud as one image.
    Raises RetrialError for an image that is neither within the page nor among `figures`.
    """

    def drawn(match: re.Match[str]) -> str:
        found = dict(re.findall(r'([a-z-]+)="([^"]*)"', match[0]))
        if found["src"].startswith("data:"):
            return match[0]
        if found["src"] not in figures:
            raise RetrialError(f"{found['src']}: no such figure, expected one that `saved` wrote")
        told = found.get("alt") or found.get("aria-label", "")
        return f'<div class="picture">{inline(figures[found["src"]], unescape(told))}</div>'

    return re.sub(r"<img\s[^>]*>", drawn, page)


def sheet(text: str, template: Path, profile: str, folder: Path) -> Path:
    """The report as PDF."""
    source, target = folder / "report.typ", folder / "report.pdf"
    options = [f"--template={(template / 'report.typ').resolve()}", "--standalone"]
    _pandoc(text, "typst", source, profile, options, folder)
    # pandoc writes ⊙ and ⊗ by names that typst has given up.
    written = source.read_text(encoding="utf-8")
    source.write_text(re.sub(r"\b(dot|times)\.circle\b", r"\1.o", written), encoding="utf-8")
    made = typst.compile(
        source, root=folder, format="pdf", font_paths=[copied(folder / "fonts")],
        ignore_system_fonts=True,
    )  # fmt: skip
    target.write_bytes(packed(made))
    return target


def _pandoc(
    text: str, to: str, target: Path, profile: str, options: Sequence[str], folder: Path
) -> None:
    pypandoc.convert_text(
        text,
        to,
        format=MARKDOWN,
        outputfile=target,
        cworkdir=str(folder),
        extra_args=[
            # Wide enough that pandoc never gives a pipe table relative widths.
            "--wrap=none",
            "--columns=100000000",
            f"--metadata=title:{TITLE}",
            f"--metadata=subtitle:{SUBTITLE}",
            f"--metadata=profile:{profile}",
            "--metadata=lang:en",
            *options,
        ],
    )


@contextmanager
def _apart(folder: Path) -> Iterator[None]:
    """Kernels that import this package and read nothing of their user's settings."""
    source = str(Path(retrial.__file__).resolve().parents[1])
    before = dict(os.environ)
    paths = [source, *filter(None, [before.get("PYTHONPATH")])]
    os.environ.update(
        PYTHONPATH=os.pathsep.join(paths),
        IPYTHONDIR=str(folder / "ipython"),
        JUPYTER_RUNTIME_DIR=str(folder / "runtime"),
        PYDEVD_DISABLE_FILE_VALIDATION="1",
    )
    try:
        # Papermill changes the folder of the whole process and puts it back, in every thread: that
        # does no harm where all go from this folder to this folder.
        with chdir(folder), local_file_io_cwd(str(folder)):
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)

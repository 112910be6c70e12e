"""Nothing is unpickled, nothing goes through a shell, and servers listen on this machine only."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = sorted(
    path for folder in ("src", "stages", "reports") for path in (ROOT / folder).rglob("*.py")
)
PICKLES = {
    "pickle", "cPickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal", "jsonpickle",
}  # fmt: skip
# Calls that run a text, unpickle a file, or read YAML into any object; where allowed, with what.
FORBIDDEN = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput",
    "subprocess.getstatusoutput", "commands.getoutput", "joblib.load", "pandas.read_pickle",
    "pd.read_pickle", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "np.fromregex",
    "torch.hub.load", "torch.jit.load", "importlib.reload", "skops.io.load", "tempfile.mktemp",
}  # fmt: skip
# Of these an argument must say that no object is made of a file's bytes.
SAYING = {
    "np.load": ("allow_pickle", False), "numpy.load": ("allow_pickle", False),
    "np.save": ("allow_pickle", False), "np.savez": ("allow_pickle", False),
    "torch.load": ("weights_only", True), "YAML": ("typ", ("safe", "rt")),
}  # fmt: skip
EVERYWHERE = re.compile(r"0\.0\.0\.0|['\"]::['\"]|INADDR_ANY")


def dotted(node: ast.expr) -> str:
    """A call's function as it is written: `np.load`."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def faults(source: str) -> Iterator[str]:
    """What in a module's source is forbidden, with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None) or ""
            for name in (module, *(alias.name for alias in node.names)):
                if name.split(".")[0] in PICKLES:
                    yield f"{node.lineno}: imports {name}"
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        given = {one.arg: getattr(one.value, "value", None) for one in node.keywords}
        if name in FORBIDDEN:
            yield f"{node.lineno}: {name}"
        if given.get("shell") not in (None, False) or ("shell" in given and given["shell"] is None):
            yield f"{node.lineno}: {name} with a shell"
        if name in SAYING:
            key, wanted = SAYING[name]
            allowed = wanted if isinstance(wanted, tuple) else (wanted,)
            # `YAML()` is the round-trip loader, which makes no objects either.
            if not (name == "YAML" and key not in given) and given.get(key, "?") not in allowed:
                yield f"{node.lineno}: {name} without {key}={wanted!r}"
        if name.rpartition(".")[2] in ("extractall", "extract") and "filter" not in given:
            yield f"{node.lineno}: {name} without a filter"


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from pickle import loads", "import dill as d", "eval('1')",
        "exec(text)", "np.load(path)", "np.load(path, allow_pickle=True)", "np.savez(f, a=a)",
        "torch.load(f)", "torch.load(f, weights_only=False)", "joblib.load(f)", "yaml.load(f)",
        "YAML(typ='unsafe')", "os.system('ls')", "subprocess.run('ls', shell=True)",
        "subprocess.run('ls', shell=flag)", "tar.extractall(folder)", "pd.read_pickle(f)",
    ],
)  # fmt: skip
def test_what_is_forbidden_is_found(source: str) -> None:
    assert list(faults(source))


@pytest.mark.parametrize(
    "source",
    [
        "np.load(path, allow_pickle=False)", "YAML(typ='safe')", "YAML()", "network.eval()",
        "subprocess.run(['ls'], shell=False)", "re.compile('x')", "typst.compile(source)",
        "tar.extractall(folder, filter='data')",
    ],
)  # fmt: skip
def test_what_is_allowed_is_let_through(source: str) -> None:
    assert not list(faults(source))


def test_no_module_unpickles_evaluates_or_calls_a_shell() -> None:
    assert len(CODE) > 200
    found = {
        path.relative_to(ROOT).as_posix(): wrong
        for path in CODE
        if (wrong := list(faults(path.read_text(encoding="utf-8"))))
    }
    # zipfile's own method, which neither climbs nor makes links: tests/test_unpacking.py.
    (npm,) = found.pop("src/retrial/data/clients.py")
    assert npm.endswith("wheel.extractall without a filter")
    assert found == {}


def test_no_stored_format_is_a_pickle() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in CODE)
    assert not re.findall(r"\.(?:pkl|pickle|pt|pth|joblib)\b['\"]", text)


def test_servers_listen_on_this_machine_by_default() -> None:
    made = (ROOT / "Makefile").read_text(encoding="utf-8")
    servers = re.findall(
        r"\b(?:mlflow (?:ui|server)|dask[ -](?:scheduler|worker)|ray start|http\.server)\b.*", made
    )
    assert servers
    for command in servers:
        assert re.search(r"127\.0\.0\.1|\$\(HOST\)", command), command
    assert re.findall(r"^HOST\s*[:?]?=\s*(\S+)", made, re.MULTILINE) in ([], ["127.0.0.1"])


def test_nothing_listens_everywhere() -> None:
    places = [*CODE, ROOT / "Makefile", ROOT / "README.md", *(ROOT / "benchmarks").glob("*.py")]
    found = [
        path.relative_to(ROOT).as_posix()
        for path in places
        if EVERYWHERE.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
    assert EVERYWHERE.search('host="0.0.0.0"')

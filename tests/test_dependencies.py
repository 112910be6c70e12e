"""dvc.yaml declares what each stage imports: all of it, and nothing besides."""

import ast
import hashlib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from retrial.running.digest import import_graph, imported_modules, module_path, syntax_digest

ROOT = Path(__file__).parents[1]
EMPTY = hashlib.sha256(ast.dump(ast.parse("")).encode()).hexdigest()
STAGES = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]


def body_of(stage: dict) -> dict:
    return stage.get("do", stage)


def script_of(stage: dict) -> str:
    return next(word for word in body_of(stage)["cmd"].split() if word.endswith(".py"))


def imported_by(stage: dict) -> set[Path]:
    """The modules behind a stage's script, and behind the notebooks that it executes."""
    scripts = [ROOT / script_of(stage)]
    for dep in (ROOT / d for d in body_of(stage)["deps"] if d.startswith("reports/")):
        scripts += sorted(dep.glob("*.py")) if dep.is_dir() else [dep]
    trees = [ast.parse(script.read_text()) for script in scripts if script.suffix == ".py"]
    modules = set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            modules |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    ours = {name for name in modules if name in import_graph().modules}
    paths = {module_path(name) for start in ours for name in imported_modules(start)}
    # A package that holds nothing but its docstring can make no result stale.
    return {path.relative_to(ROOT) for path in paths if syntax_digest(path) != EMPTY}


def declared(stage: dict) -> list[Path]:
    return [Path(dep) for dep in body_of(stage)["deps"] if dep.startswith("src/")]


def covers(dep: Path, path: Path) -> bool:
    return dep == path or dep in path.parents


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_declares_all_that_it_imports(name: str) -> None:
    deps = declared(STAGES[name])
    imported = imported_by(STAGES[name])
    missing = sorted(str(p) for p in imported if not any(covers(dep, p) for dep in deps))
    assert not missing, f"{name}: deps lack {missing}"


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_declares_nothing_that_it_does_not_import(name: str) -> None:
    imported = imported_by(STAGES[name])
    idle = [str(dep) for dep in declared(STAGES[name]) if not any(covers(dep, p) for p in imported)]
    assert not idle, f"{name}: deps hold {idle}, which nothing imports"


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_declares_its_script_and_the_lock(name: str) -> None:
    deps = body_of(STAGES[name])["deps"]
    assert script_of(STAGES[name]) in deps
    assert "requirements.lock" in deps

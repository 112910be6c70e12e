import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from synthetic import FAMILY, project

from retrial.core.errors import RetrialError
from retrial.tools.locks import (
    Stage,
    compare,
    judge_stage,
    lock_at,
    md5,
    parse_lock,
    profiles,
    read_lock,
    report,
    stale,
    stale_params,
    upstream,
)

BASE = {
    "fetch@mnist": Stage("fetch@mnist", {"src": "a"}, {}, {"data/raw/mnist": "m.dir"}),
    "kernels": Stage(
        "kernels",
        {"src": "a", "data/raw/mnist": "m.dir"},
        {"params.yaml: kernels.C": 1.0},
        {"data/results/kernels/records.json": "r"},
    ),
    "judge@kernels": Stage(
        "judge@kernels", {"data/results/kernels/records.json": "r"}, {}, {"v.json": "v"}
    ),
}


def with_stage(**changes: dict) -> dict[str, Stage]:
    old = BASE["kernels"]
    fields = {"deps": old.deps, "params": old.params, "outs": old.outs} | changes
    return {**BASE, "kernels": Stage("kernels", **fields)}


def kinds(new: dict[str, Stage]) -> dict[str, str]:
    return {one.stage: one.kind for one in compare(BASE, new)}


def test_equal_locks_have_no_difference() -> None:
    assert set(kinds(BASE).values()) == {"same"}
    assert report(BASE, BASE) == ["3 of 3 stages have the bytes of the committed dvc.lock."]


def test_other_bytes_from_equal_inputs_are_told_apart() -> None:
    new = with_stage(outs={"data/results/kernels/records.json": "x"})
    assert kinds(new)["kernels"] == "bytes"
    lines = report(BASE, new)
    assert lines[0].startswith("2 of 3")
    assert "other bytes from equal inputs: data/results/kernels/records.json" in lines[1]


def test_a_changed_param_is_the_reason() -> None:
    new = with_stage(
        params={"params.yaml: kernels.C": 2.0}, outs={"data/results/kernels/records.json": "x"}
    )
    (one,) = (one for one in compare(BASE, new) if one.kind != "same")
    assert one.params == {"params.yaml: kernels.C": (1.0, 2.0)}
    assert "(changed: params.yaml: kernels.C)" in report(BASE, new)[1]


def test_changed_inputs_with_equal_outs_agree() -> None:
    new = with_stage(deps={"src": "b", "data/raw/mnist": "m.dir"})
    assert report(BASE, new)[0].startswith("3 of 3")


def test_stages_may_come_and_go() -> None:
    fewer = {name: stage for name, stage in BASE.items() if name != "judge@kernels"}
    assert kinds(fewer)["judge@kernels"] == "removed"
    assert {one.stage: one.kind for one in compare(fewer, BASE)}["judge@kernels"] == "added"


def test_upstream_follows_outs_in_the_order_of_the_lock() -> None:
    assert upstream(BASE, "judge@kernels") == ["fetch@mnist", "kernels", "judge@kernels"]
    assert upstream(BASE, "fetch@mnist") == ["fetch@mnist"]


def test_the_stage_that_judges_a_family_is_found_by_both_ends() -> None:
    names = ["kernels", "judge@kernels", "judge_after_search@scratch_grid", "split@grid"]
    assert judge_stage(names, "kernels") == "judge@kernels"
    assert judge_stage(names, "scratch_grid") == "judge_after_search@scratch_grid"
    assert judge_stage(names, "grid") == ""


def test_a_lock_is_parsed_with_flat_params() -> None:
    lock = parse_lock(
        "schema: '2.0'\nstages:\n  a:\n    cmd: x\n    params:\n      profiles/quick.yaml:\n"
        "        a:\n          seeds: 3\n          sizes: [1, 2]\n"
    )
    assert lock["a"].params == {
        "profiles/quick.yaml: a.seeds": 3,
        "profiles/quick.yaml: a.sizes": [1, 2],
    }
    assert profiles(lock) == {"quick"}


@pytest.mark.parametrize("text", ["- a\n", "stages: [1\n", "stages:\n  a: 3\n"])
def test_what_is_no_lock_is_one_line(text: str) -> None:
    with pytest.raises(RetrialError, match=r"^dvc.lock: not a dvc.lock"):
        parse_lock(text)


def test_an_unknown_revision_is_one_line(tmp_path: Path) -> None:
    root = project(tmp_path)
    assert lock_at("HEAD", root) == read_lock(root / "dvc.lock")
    with pytest.raises(RetrialError, match="at revision 'nowhere'"):
        lock_at("nowhere", root)


def test_files_and_params_that_left_the_lock_are_found(tmp_path: Path) -> None:
    root = project(tmp_path)
    stage = read_lock(root / "dvc.lock")[FAMILY]
    assert stale(stage, root) == []
    assert stale_params(stage, root) == []
    (root / "src/code.py").write_text("a = 2\n")
    (root / "data/results" / FAMILY / "records.json").unlink()
    (root / "params.yaml").write_text(f"profile: quick\n{FAMILY}:\n  C: 2.0\n")
    assert stale(stage, root) == ["src", f"data/results/{FAMILY}/records.json"]
    assert stale_params(stage, root) == [f"params.yaml: {FAMILY}.C"]


def test_md5_is_what_dvc_writes(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], cwd=tmp_path, check=True
    )
    for name in (
        "folder/b.txt",
        "folder/sub/a.txt",
        "folder/sub-a.txt",
        "folder/Z",
        "folder/__pycache__/x.pyc",
        "folder/.ipynb_checkpoints/x.py",
        "folder/.x.py.swp",
        "folder/x.py~",
        "folder/.DS_Store",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    shutil.copy(Path(__file__).parents[1] / ".dvcignore", tmp_path)
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n  a:\n    cmd: touch out\n    deps: [folder]\n    outs: [out]\n"
    )
    subprocess.run([sys.executable, "-m", "dvc", "repro", "-q"], cwd=tmp_path, check=True)
    stage = read_lock(tmp_path / "dvc.lock")["a"]
    assert stage.deps == {"folder": md5(tmp_path / "folder")}
    assert stage.outs == {"out": md5(tmp_path / "out")}

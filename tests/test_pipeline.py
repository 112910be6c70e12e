"""The real pipeline on the smoke profile: real data, real stages, an empty trial store."""

import csv
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from clones import ROOT, Clone, clone_to
from processes import alive, wait_for

from retrial.judging.ledger import load_claims

STUDY_STAGE = "scratch_grid"
RESULTS = Path("data/results") / STUDY_STAGE


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    clone = clone_to(tmp_path_factory.mktemp("smoke"))
    done = clone("dvc", "repro")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    yield clone
    shutil.rmtree(clone.root.parent, ignore_errors=True)


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "timings.json"
    }


def test_every_claim_has_one_verdict(smoke: Clone) -> None:
    with (smoke.root / "data/results/verdicts.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["id"] for row in rows] == [claim.id for claim in load_claims(ROOT / "claims")]
    assert {row["profile"] for row in rows} == {"smoke"}
    for row in rows:
        assert row["reason"], row["id"]


def test_what_the_profile_cuts_short_is_inconclusive(smoke: Clone) -> None:
    with (smoke.root / "data/results/verdicts.csv").open(newline="") as stream:
        rows = {row["id"]: row for row in csv.DictReader(stream)}
    row = rows["002-B-sigmoid-random-tracc"]
    assert row["verdict"] == "inconclusive"
    assert row["reason"].startswith("budget")


def test_the_report_is_there_in_both_forms(smoke: Clone) -> None:
    html = (smoke.root / "reports/report.html").read_text()
    for claim in load_claims(ROOT / "claims"):
        assert f'id="{claim.id}"' in html
    assert (smoke.root / "reports/report.pdf").read_bytes().startswith(b"%PDF")


def test_a_worked_line_stands_in_the_terminal(smoke: Clone) -> None:
    told = smoke("retrial", "show", "003-6-z1").stdout
    assert "line       z₁ = (−15)" in told
    assert "right      z₁ = w₁i₁ + w₂i₂ + b₁ = −7.65" in told
    assert "why        The product w2·i2 is printed in the sum but left out" in told


def test_a_second_run_does_nothing_and_status_is_quiet(smoke: Clone) -> None:
    again = smoke("dvc", "repro")
    assert again.returncode == 0
    assert "Running stage" not in again.stdout
    assert smoke("dvc", "status", "--quiet").returncode == 0


def test_a_comment_reruns_a_stage_by_replay_to_the_same_bytes(smoke: Clone) -> None:
    before = bytes_below(smoke.root / RESULTS)
    trials = len(list((smoke.root.parent / "cache/trials").rglob("*.trial")))
    module = smoke.root / "src/retrial/studies/scratch_grid.py"
    module.write_text(module.read_text() + "\n# A comment changes no code.\n")
    done = smoke("dvc", "repro", STUDY_STAGE)
    assert f"Running stage '{STUDY_STAGE}'" in done.stdout
    assert bytes_below(smoke.root / RESULTS) == before
    assert len(list((smoke.root.parent / "cache/trials").rglob("*.trial"))) == trials


@pytest.mark.parametrize(
    ("file", "pattern", "text", "told"),
    [
        ("params.yaml", r"^scratch_grid:$", "scratch_grid:\n  epoch: 3", "scratch_grid.epoch = 3"),
        ("params.yaml", r"^(scratch_grid:\n(?:  .*\n)*?  epochs:) .*$", r"\1 -3", "epochs = -3"),
        (
            "params.yaml",
            r"^(scratch_grid:\n(?:  .*\n)*?  batch:) .*$",
            r"\1 many",
            "batch = 'many'",
        ),
    ],
)
def test_a_mistake_in_params_is_one_line_and_loses_nothing(
    smoke: Clone, file: str, pattern: str, text: str, told: str
) -> None:
    before = (smoke.root / file).read_text()
    trials = sorted((smoke.root.parent / "cache/trials").rglob("*.trial"))
    try:
        smoke.replace(file, pattern, text)
        done = smoke(sys.executable, f"stages/{STUDY_STAGE}.py")
    finally:
        (smoke.root / file).write_text(before)
    assert done.returncode != 0
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert sorted((smoke.root.parent / "cache/trials").rglob("*.trial")) == trials


def test_a_claim_without_a_metric_is_one_line(smoke: Clone) -> None:
    path = smoke.root / "claims/002.yaml"
    before = path.read_text()
    try:
        smoke.replace("claims/002.yaml", "metric: train_accuracy", "metric: trian_accuracy")
        done = smoke(sys.executable, "stages/judge.py", "scratch_grid")
    finally:
        path.write_text(before)
    assert done.returncode != 0
    assert "claims/002.yaml: 002-B-sigmoid-random-tracc" in done.stderr
    assert "no metric 'trian_accuracy'" in done.stderr
    note, _ = done.stderr.strip().splitlines()
    assert note.startswith("note: claims/002.yaml: not as committed")


@pytest.mark.parametrize("killed", ["stage", "group", "dvc"])
def test_a_stage_killed_in_the_middle_ends_in_the_same_bytes(
    smoke: Clone, tmp_path: Path, killed: str
) -> None:
    expected = bytes_below(smoke.root / RESULTS)
    clone = clone_to(tmp_path)
    assert clone("dvc", "repro", "fetch@mnist", "split@report002_mnist").returncode == 0
    store = tmp_path / "cache/trials"
    run = clone.start("dvc", "repro", "--single-item", STUDY_STAGE)
    wait_for(lambda: len(list(store.rglob("*.trial"))) >= 2)
    family = psutil.Process(run.pid).children(recursive=True)
    stage = next(p for p in family if f"stages/{STUDY_STAGE}.py" in p.cmdline())
    # Held, so that a fast machine does not finish before the kill takes effect: the stage stores
    # what its workers answer.
    workers = stage.children(recursive=True)
    for worker in workers:
        worker.suspend()
    if killed == "group":
        os.killpg(run.pid, signal.SIGKILL)
    elif killed == "dvc":
        run.kill()
    else:
        stage.kill()
    run.wait()
    wait_for(lambda: not alive(stage))
    for worker in filter(alive, workers):
        worker.resume()
    wait_for(lambda: not any(alive(process) for process in family))
    trials = json.loads((smoke.root / RESULTS / "records.json").read_text())["trials"]
    assert 2 <= len(list(store.rglob("*.trial"))) < len(trials)

    done = clone("dvc", "repro", "--single-item", STUDY_STAGE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert bytes_below(clone.root / RESULTS) == expected

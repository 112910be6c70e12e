import json
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import cast

import joblib
import pytest

from retrial.core.errors import RetrialError
from retrial.core.models import FrozenModel
from retrial.core.trial import Trial
from retrial.tools import plan
from retrial.tools.archive import pack


class Protocol(FrozenModel):
    epochs: int


class Budget(FrozenModel):
    seeds: int


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    return [
        Trial("toy", arm, seed, {}, cost=protocol.epochs * cost)
        for arm, cost in (("light", 1.0), ("heavy", 4.0))
        for seed in range(budget.seeds)
    ]


COMPUTE = "compute: {backend: local, address: null, workers: 3}\n"
PARAMS = f"profile: quick\n{COMPUTE}toy: {{epochs: 1}}\n"
TOY = cast(ModuleType, SimpleNamespace(Protocol=Protocol, Budget=Budget, trials=trials))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "params.yaml").write_text(PARAMS)
    (tmp_path / "profiles/quick.yaml").write_text("toy: {seeds: 1}\n")
    (tmp_path / "profiles/paper.yaml").write_text("toy: {seeds: 10}\n")
    monkeypatch.setattr(plan, "study_modules", lambda: {"toy": TOY})
    return tmp_path


def record(folder: Path, seeds: int, timings: dict | None = None) -> None:
    folder.mkdir(parents=True)
    provenance = {"protocol": {"epochs": 1}, "budget": {"seeds": seeds}}
    (folder / "provenance.json").write_text(json.dumps(provenance))
    if timings:
        content = {"seconds": timings, "stage": {}}
        (folder / "timings.json").write_text(json.dumps(content))


def publish(root: Path, seeds: int, timings: dict) -> None:
    folder = root / "published"
    record(folder, seeds)
    for name in ("records.json", "curves.csv", "arrays.npz"):
        (folder / name).write_text("")
    pack(folder, root / "reports/published/records/toy.tar.xz")
    manifest = {"timings": {"toy": timings}}
    (root / "reports/published/manifest.json").write_text(json.dumps(manifest))


def test_costs_stand_in_for_timings(root: Path) -> None:
    (one,) = plan.plan("paper", 2, root)
    assert (one.trials, one.busy, one.wall, one.source) == (20, 50.0, 25.0, "estimate")


def test_timings_of_a_small_run_scale_to_a_large_one(root: Path) -> None:
    record(root / "data/results/toy", 1, {"light": [2.0], "heavy": [6.0]})
    (one,) = plan.plan("paper", 1, root)
    assert (one.busy, one.source) == (10 * 2.0 + 10 * 6.0, "this machine")


def test_an_arm_without_timings_takes_the_factor_of_its_study(root: Path) -> None:
    record(root / "data/results/toy", 1, {"light": [3.0]})
    assert plan.plan("quick", 1, root)[0].busy == 3.0 + 3.0 * 4.0


def test_published_timings_serve_a_fresh_clone(root: Path) -> None:
    publish(root, 2, {"light": [1.0, 1.0], "heavy": [1.0, 3.0]})
    (one,) = plan.plan("quick", 1, root)
    assert (one.busy, one.source) == (3.0, "published")


def test_records_of_an_older_protocol_are_ignored(root: Path) -> None:
    record(root / "data/results/toy", 1, {"light": [9.0]})
    (root / "data/results/toy/provenance.json").write_text('{"protocol": {"x": 1}, "budget": {}}')
    assert plan.plan("quick", 1, root)[0].source == "estimate"


def test_timings_of_another_run_than_the_records_are_ignored(root: Path) -> None:
    publish(root, 2, {"light": [9.0], "heavy": [9.0]})
    assert plan.plan("paper", 1, root)[0].source == "estimate"


def test_timings_of_an_earlier_version_are_ignored(root: Path) -> None:
    record(root / "data/results/toy", 1)
    (root / "data/results/toy/timings.json").write_text('{"light": [9.0], "heavy": [9.0]}')
    assert plan.plan("quick", 1, root)[0].source == "estimate"


def test_an_unknown_profile_is_one_line(root: Path) -> None:
    with pytest.raises(RetrialError, match="profile = 'fast': expected one of paper, quick"):
        plan.plan("fast", 1, root)


def test_lines_name_time_memory_and_disk(root: Path) -> None:
    text = "\n".join(plan.lines("paper", plan.plan("paper", 2, root), 2, root))
    assert "toy                 20 trials     25 s  (estimate)" in text
    assert "in all about 70 s" in text
    assert "memory about" in text
    assert "disk about" in text


def test_the_last_run_here_comes_before_published_timings_but_for_paper(root: Path) -> None:
    record(root / "data/results/toy", 1, {"light": [1.0], "heavy": [4.0]})
    publish(root, 1, {"light": [2.0], "heavy": [8.0]})
    (quick,) = plan.plan("quick", 1, root)
    (paper,) = plan.plan("paper", 1, root)
    assert (quick.source, quick.busy) == ("this machine", 5.0)
    assert (paper.source, paper.busy) == ("published", 100.0)


def test_workers_are_those_of_params(root: Path) -> None:
    assert plan.workers(root) == 3
    (root / "params.yaml").write_text(PARAMS.replace("workers: 3", "workers: 0"))
    assert plan.workers(root) == joblib.cpu_count()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("workers: 3", "workers: -1", r"params.yaml: compute.workers = -1"),
        ("backend: local", "backend: moon", r"params.yaml: compute.backend = 'moon'"),
        ("toy:", "tyo: 3\ntoy:", r"params.yaml: tyo = 3: unknown key"),
    ],
)
def test_a_mistake_shows_before_dvc_looks_for_changes(
    root: Path, old: str, new: str, told: str
) -> None:
    (root / "params.yaml").write_text(PARAMS.replace(old, new))
    with pytest.raises(RetrialError, match=told):
        plan.plan("quick", 1, root)

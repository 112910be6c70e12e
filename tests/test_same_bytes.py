import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import restless_study
import toy_group
import toy_study
from click.testing import CliRunner

from retrial import cli
from retrial.core import records
from retrial.core.errors import RetrialError
from retrial.core.records import Finished, Records
from retrial.core.trial import Metric, Result, Trial
from retrial.report import same_bytes as limits
from retrial.report import tables
from retrial.running.digest import data_hashes
from retrial.running.timings import digest_of
from retrial.tools import same_bytes
from retrial.tools.archive import pack
from retrial.tools.published import archive_of
from retrial.tools.same_bytes import (
    CONDITIONS,
    EMULATOR,
    Cell,
    Condition,
    Sample,
    Table,
    answers,
    chosen,
    compared,
    conditions,
    lines,
    order,
    record,
    samples,
    unexpected,
)

NATIVE, *OTHERS = conditions(["native", "1 worker", "2 workers", "4 workers", "hash seed"])
EMULATED = [condition for condition in CONDITIONS if condition.cpu]


def empty(trials: list[Trial], folder: Path) -> Records:
    """Records of trials that measured nothing."""
    left = [Finished(trial, Result({"value": Metric(0, 1)}), "") for trial in trials]
    records.write(folder, trials[0].study, left, (), {"data": {}})
    return Records.load(folder)


def sample(module: str, trials: list[Trial], root: Path, places: tuple[Path, ...] = ()) -> Sample:
    """A sample with the records that its trials leave natively."""
    study = trials[0].study
    found = empty(trials, root / "before" / study)
    seconds = tuple(0.5 for _ in trials)
    before = Sample(study, module, "last run", found, found.trials, seconds, places)
    assert list(answers(NATIVE, [order(before, root / "native" / study)])) == [(study, "")]
    after = Records.load(root / "native" / study)
    return dataclasses.replace(before, records=after, trials=after.trials)


@pytest.fixture
def idle(tmp_path: Path) -> list[Sample]:
    """Two samples of one trial that no test runs."""
    found = []
    for study in ("toy", "toy_group"):
        left = empty([Trial(study, "a", 0, {})], tmp_path / study)
        found.append(Sample(study, study, "last run", left, left.trials, (0.5,)))
    return found


def states(table: Table, study: str) -> dict[str, str]:
    return {name: cell.state for name, cell in table[study].items()}


@pytest.fixture
def good(tmp_path: Path) -> list[Sample]:
    folder = tmp_path / "data"
    folder.mkdir()
    np.save(folder / "weights.npy", np.linspace(0, 1, 100, dtype=np.float32))
    return [
        sample("toy_study", toy_study.trials(4), tmp_path, (folder,)),
        sample("toy_group", toy_group.trials(4), tmp_path, (folder,)),
    ]


def test_good_studies_hold_under_all_conditions(good: list[Sample]) -> None:
    told: list[str] = []
    table = compared(good, [NATIVE, *OTHERS], 0, told.append)
    assert {cell for row in table.values() for cell in row.values()} == {Cell("same")}
    assert [len(row) for row in table.values()] == [5, 5]
    assert len(told) == 10
    assert told[:2] == ["native: toy: same", "native: toy_group: same"]
    assert lines(good, table, [NATIVE, *OTHERS])[-1] == (
        "2 studies: 10 same, 0 differs, 0 failed, 0 skipped"
    )
    assert unexpected(table, {}) == []


def test_a_study_that_depends_on_the_workers_is_found(tmp_path: Path) -> None:
    trials = restless_study.trials("workers")
    found = [sample("restless_study", trials, tmp_path)]
    table = compared(found, [NATIVE, *OTHERS], 0, lambda _: None)
    held = {"native": "same", "1 worker": "same", "2 workers": "same", "hash seed": "same"}
    assert states(table, "restless") == {**held, "4 workers": "differs"}
    why = table["restless"]["4 workers"].why
    assert why.startswith("arm0, seed 0, differs in metrics, draws; arm1, seed 1, differs")
    assert unexpected(table, {}) == ["restless"]


def test_a_study_that_depends_on_the_hash_seed_is_found(tmp_path: Path) -> None:
    trials = restless_study.trials("hash seed")
    found = [sample("restless_study", trials, tmp_path)]
    table = compared(found, [NATIVE, OTHERS[-1]], 0, lambda _: None)
    assert states(table, "restless") == {"native": "same", "hash seed": "differs"}
    printed = lines(found, table, [NATIVE, OTHERS[-1]])
    assert printed[1].split() == ["restless", "last", "run", "4", "same", "differs", "[1]"]
    assert printed[2].startswith("[1] arm0, seed 0, differs in metrics, draws; arm1")


@pytest.mark.parametrize(
    ("on", "told"),
    [
        ("raised", "restless: trial arm0 with seed 0 raised: ValueError: this trial was told"),
        ("ended", "ended with exit status 0: it said nothing"),
    ],
)
def test_a_study_that_fails_keeps_no_other_from_running(
    on: str, told: str, good: list[Sample], tmp_path: Path
) -> None:
    found = empty(restless_study.trials(on), tmp_path / "records")
    bad = Sample("restless", "restless_study", "last run", found, found.trials, (0.5,) * 4)
    table = compared([bad, *good], [NATIVE], 0, lambda _: None)
    assert table["restless"]["native"].state == "failed"
    assert table["restless"]["native"].why.startswith(told)
    assert {states(table, one.study)["native"] for one in good} == {"same"}
    # What is known to differ may not fail.
    assert unexpected(table, {"restless": {"native": "differs"}}) == ["restless"]


def test_a_missing_emulator_is_a_reason(
    idle: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    table = compared(idle, EMULATED, 100, pytest.fail)
    reason = f"{EMULATOR} is not installed (Debian's package qemu-user has it)"
    assert set(table["toy"].values()) == {Cell("skipped", reason)}
    *rows, note, count = lines(idle, table, EMULATED)
    assert [row.split()[-4:] for row in rows[1:]] == [["skipped", "[1]"] * 2] * 2
    assert note == f"[1] {reason}"
    assert count == "2 studies: 0 same, 0 differs, 0 failed, 4 skipped"
    assert not same_bytes.ran(table.values())


def test_an_emulator_of_another_machine_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    uname = same_bytes.os.uname_result(("Linux", "node", "6", "1", "aarch64"))
    monkeypatch.setattr(same_bytes.os, "uname", lambda: uname)
    assert EMULATED[0].unavailable().startswith("Python is built for aarch64 here")
    assert NATIVE.unavailable() == ""


def test_a_trial_that_is_too_long_for_the_emulator_is_a_reason(
    idle: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Condition, "unavailable", lambda _: "")
    table = compared(idle, EMULATED, 0.4, pytest.fail)
    assert {cell.why for cell in table["toy"].values()} == {
        "its cheapest trial takes 0.5 s without emulation, more than the 0.4 s given"
    }


@pytest.mark.skipif(shutil.which(EMULATOR) is None, reason=f"{EMULATOR} is not installed")
def test_an_emulated_cpu_runs_what_is_within_its_seconds(good: list[Sample]) -> None:
    table = compared(good[:1], EMULATED[:1], 1.0, lambda _: None)
    assert table["toy"]["Haswell"] == Cell("same")
    assert len(order(good[0], Path(), 1.0)["trials"]) == 2


def test_the_cheapest_of_each_arm_come_first(tmp_path: Path) -> None:
    trials = [Trial("toy", arm, seed, {}) for arm in ("a", "b", "c") for seed in range(2)]
    spent = {"a": [3.0, 2.0], "b": [0.5, 0.5], "c": [9.0, 8.0]}
    left = empty(trials, tmp_path)

    def names(count: int, at_most: float) -> list[tuple[float, str, int]]:
        found = chosen(left, spent, count, at_most)
        return [(seconds, trial["arm"], trial["seed"]) for seconds, trial in found]

    assert names(3, 99) == [(0.5, "b", 0), (2.0, "a", 1), (8.0, "c", 1)]
    assert names(3, 6) == [(0.5, "b", 0), (2.0, "a", 1), (0.5, "b", 1)]
    assert names(1, 6) == [(0.5, "b", 0)]
    assert names(3, 0.4) == []


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Records of three studies: one of the last run, one published, one without trials."""
    monkeypatch.setenv("RETRIAL_CACHE", str(tmp_path / "cache"))
    iris = tmp_path / "data/raw/iris"
    iris.mkdir(parents=True)
    np.save(iris / "labels.npy", np.arange(3))
    results = tmp_path / "data/results"
    for study in ("kernels", "shift"):
        trial = Trial(study, "arm", 0, {})
        left = [Finished(trial, Result({"value": Metric(0, 1)}), "f")]
        records.write(results / study, study, left, (), {"data": data_hashes([iris])})
    timings = {"seconds": {"arm": [0.25]}, "stage": {"trials": digest_of(["f"])}}
    (results / "kernels/timings.json").write_text(json.dumps(timings))
    pack(results / "shift", archive_of("shift", tmp_path / "reports/published"))
    shutil.rmtree(results / "shift")
    manifest = {"timings": {"shift": {"arm": [7.0]}}}
    (tmp_path / "reports/published/manifest.json").write_text(json.dumps(manifest))
    records.write(results / "depth", "depth", [], (), {"data": {}})
    return tmp_path


def test_a_sample_is_of_the_last_run_or_published(project: Path) -> None:
    with samples(project, 4, 10) as found:
        told = {one.study: (one.source, one.seconds, one.skipped) for one in found}
    assert told == {
        "depth": ("last run", (), "it has no trials in this profile"),
        "kernels": ("last run", (0.25,), ""),
        "shift": ("published", (7.0,), ""),
    }


def test_what_cannot_be_run_says_why(project: Path) -> None:
    with samples(project, 4, 1, ["shift"]) as (shift,):
        assert shift.skipped == "its cheapest trial takes 7 s, more than the 1 s given"
    (project / "data/results/kernels/timings.json").unlink()
    with samples(project, 4, 1, ["kernels"]) as (kernels,):
        assert kernels.skipped == "what its trials take is not known, run its stage"
    np.save(project / "data/raw/iris/labels.npy", np.zeros(3))
    with samples(project, 4, 10, ["shift"]) as (shift,):
        assert shift.skipped.startswith("data of shift: iris/labels.npy has another SHA-256")


def test_unknown_names_are_one_line(project: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(RetrialError, match="'x': no records, expected of depth, kernels, shift"),
        samples(project, 1, 1, ["x"]),
    ):
        pass
    with (
        pytest.raises(RetrialError, match="no records, run `make study` first"),
        samples(tmp_path / "nothing", 1, 1),
    ):
        pass
    with pytest.raises(RetrialError, match="'x': expected one of native, 1 worker"):
        conditions(["x"])


def test_what_is_known_to_differ_stands_in_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "same_bytes.json"
    path.write_text("{}")
    left = empty([Trial("toy", "a", 0, {})], tmp_path / "toy")
    left = dataclasses.replace(left, provenance={"stage": "toy", "data": {}})
    monkeypatch.setattr(tables, "recorded", lambda: limits.recorded(path))
    plain = tables.sources(left, "Sources")
    table = {"toy": {"native": Cell("same"), "EPYC": Cell("differs", "a, seed 0, differs in x")}}
    record(table, path)
    assert json.loads(path.read_text()) == {"toy": {"EPYC": "a, seed 0, differs in x"}}
    assert unexpected(table, limits.recorded(path)) == []
    before, _, rest = tables.sources(left, "Sources").partition("\n\n")
    assert before.startswith("The bytes of this family depend on where it runs")
    assert before.endswith("under these conditions: EPYC.")
    assert rest == plain
    # What could not be run again says nothing.
    record({"toy": {"EPYC": Cell("skipped", "not installed")}}, path)
    assert limits.recorded(path) == {"toy": {"EPYC": "a, seed 0, differs in x"}}
    record({"toy": {"EPYC": Cell("same")}}, path)
    assert limits.recorded(path) == {}
    assert tables.sources(left, "Sources") == plain


@pytest.mark.parametrize("content", [None, "", "[]", '{"toy": 1}', '{"toy": {"EPYC": 1}}'])
def test_a_damaged_list_of_what_differs_is_one_line(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "same_bytes.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(RetrialError, match=r"same_bytes.json: damaged"):
        limits.recorded(path)


def test_the_recorded_conditions_are_those_that_there_are() -> None:
    assert all(set(own) <= {one.name for one in CONDITIONS} for own in limits.recorded().values())


def test_the_command_fails_where_a_study_does(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "params.yaml").touch()
    (project / "claims").mkdir()
    monkeypatch.chdir(project)
    args = ["same-bytes", "--study", "kernels", "--condition", "native"]
    found = CliRunner().invoke(cli.cli, args)
    assert isinstance(found.exception, RetrialError)
    assert str(found.exception) == "other bytes, or none: kernels"
    assert "native: kernels: failed: kernels: trial arm with seed 0 raised" in found.output
    assert "1 studies: 0 same, 0 differs, 1 failed, 0 skipped" in found.output
    found = CliRunner().invoke(cli.cli, [*args, "--seconds", "0.1"])
    assert str(found.exception).startswith("no trial was run; allow more --seconds")

"""Records in parts say what records in one file say, and read no more than they are asked for."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import synthetic
from miniature import miniature

from retrial.core import partitioned as reading
from retrial.core import partitions, records
from retrial.core.errors import RetrialError
from retrial.core.partitioned import Partitioned, load_records
from retrial.core.records import Finished, Records
from retrial.core.trial import Metric, Result, Trial
from retrial.judging.judge import Family, judge_family
from retrial.judging.ledger import load_claims
from retrial.tools import same_bytes, verify
from retrial.tools.archive import pack

ARMS, SEEDS = ("a/b", "c", "late"), range(5)


def trial(arm: str, seed: int) -> Finished:
    """Trials that differ in what they have: values of all kinds, curves and arrays or none."""
    metrics = {"accuracy": Metric([0.5, None, float("nan"), np.float32(0.1), 3][seed], 10 + seed)}
    if arm != "a/b":
        metrics["loss"] = Metric(seed / 3, 0)
    curves: dict[str, list[float | None]] = {"loss": [0.1 * seed, None, 1.0][: 1 + seed % 3]}
    if arm == "c":
        curves |= {"norm": [float("inf")] * len(curves["loss"])}
    arrays = {"predictions": np.full((2, 3), seed, np.uint8)} if arm != "late" else {}
    status = "diverged" if seed == 2 else "ok"
    detail = {"epoch": 3} if seed == 2 else {}
    result = Result(metrics, status, seed == 1, detail, curves, arrays)
    return Finished(Trial("study", arm, seed, {"rate": 0.1}, seed != 3), result, f"{arm}{seed}")


FINISHED = [trial(arm, seed) for arm in ARMS for seed in SEEDS]


@pytest.fixture(params=[1, 2, 4, 100])
def both(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Records, Records]:
    """The same trials in one file and in parts of some size."""
    monkeypatch.setattr(partitions, "ROWS", request.param)
    for writer, name in ((records.write, "whole"), (partitions.write, "parts")):
        writer(tmp_path / name, "study", FINISHED, ["left out"], {"lock": "abc"})
    return Records.load(tmp_path / "whole"), load_records(tmp_path / "parts")


def answer(of: Records, question: str, *arguments: object) -> object:
    """What records answer; the line of their error, without the place, where they do not.

    Arrays as bytes: nan is to be equal to nan.
    """
    try:
        found = getattr(of, question)(*arguments)
    except RetrialError as error:
        return str(error).split(": ", 1)[1]
    return (found.dtype, found.shape, found.tobytes()) if hasattr(found, "dtype") else found


def test_both_forms_give_the_same_answers(both: tuple[Records, Records]) -> None:
    whole, parts = both
    assert isinstance(parts, Partitioned)
    assert (parts.study, parts.skipped, parts.provenance) == (
        "study",
        ("left out",),
        whole.provenance,
    )
    assert parts.inputs_md5() == whole.inputs_md5()
    assert len(parts.trials) == len(FINISHED)
    assert list(parts.trials) == list(whole.trials)
    assert (parts.trials[-2], list(parts.trials[3:9:2])) == (
        whole.trials[-2],
        list(whole.trials[3:9:2]),
    )
    with pytest.raises(IndexError):
        parts.trials[len(FINISHED)]
    assert parts.arms() == whole.arms() == list(ARMS)
    named = ("accuracy", "loss", "norm", "nothing")
    questions = [("of", arm) for arm in (*ARMS, "nowhere")]
    questions += [
        (question, arm, name)
        for question in ("metric", "sample_size", "curve")
        for arm in (*ARMS, "nowhere")
        for name in named
    ]
    questions += [("array", arm, s, "predictions") for arm in ARMS for s in (*SEEDS, 99)]
    for question in questions:
        assert answer(parts, *question) == answer(whole, *question), question


def test_a_verdict_is_the_same_from_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "ROWS", 2)
    (tmp_path / "claims").mkdir()
    ledger = synthetic.LEDGER.replace(synthetic.FAMILY, "toy")
    (tmp_path / "claims/000.yaml").write_text(ledger)
    claims = load_claims(tmp_path / "claims")
    trials = [synthetic.finished(seed) for seed in range(7)]
    rows = []
    for writer, name in ((records.write, "whole"), (partitions.write, "parts")):
        writer(tmp_path / name, "toy", trials, [], {"lock": "abc"})
        family = Family(load_records(tmp_path / name), {one.id: one for one in claims}, "paper")
        rows.append(judge_family(claims, family))
    assert rows[0] == rows[1]
    assert rows[0][0]["n"] == 7


def test_bytes_depend_on_content_alone(tmp_path: Path) -> None:
    for name in ("one", "other"):
        partitions.write(tmp_path / name, "study", iter(FINISHED), [], {"lock": "abc"})
    files = sorted(path for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert "00000.parquet" in {path.name for path in files}
    for path in files:
        assert (
            path.read_bytes()
            == (tmp_path / "other" / path.relative_to(tmp_path / "one")).read_bytes()
        )


def test_a_part_is_written_before_the_next_trial_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "ROWS", 2)
    left = []

    def trials():
        for one in FINISHED:
            left.append(len(list(tmp_path.glob("parts/*.parquet"))))
            yield one

    partitions.write(tmp_path, "study", trials(), [], {})
    assert left == [i // 2 for i in range(len(FINISHED))]


def test_a_metric_is_read_from_its_own_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "ROWS", 2)
    partitions.write(tmp_path, "study", FINISHED, [], {})
    asked = []
    read = reading.Rows.read

    def watched(self, part, names=None):
        table = read(self, part, names)
        asked.append((part["file"], *table.column_names))
        return table

    monkeypatch.setattr(reading.Rows, "read", watched)
    load_records(tmp_path).metric("c", "loss")
    assert {name for _, *names in asked for name in names} == {"arm", "value:loss", "n:loss"}
    assert sorted({file for file, *_ in asked}) == [f"{i:05}.parquet" for i in range(2, 5)]


def test_fewer_trials_leave_no_part_of_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "ROWS", 2)
    partitions.write(tmp_path, "study", FINISHED, [], {})
    partitions.write(tmp_path, "study", FINISHED[:2], [], {})
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["00000.parquet"]
    assert len(load_records(tmp_path).trials) == 2


def test_weights_stay_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "ROWS", 2)
    heirs = [
        one._replace(result=Result({}, weights={"w": np.full(3, i, np.float32)}))
        for i, one in enumerate(FINISHED)
    ]
    for writer, name in ((records.write, "whole"), (partitions.write, "parts")):
        writer(tmp_path / name, "study", heirs, [], {})
    whole, parts = ((tmp_path / name / records.WEIGHTS).read_bytes() for name in ("whole", "parts"))
    assert whole == parts


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "remove"])
def test_a_damaged_part_is_one_line(damage: str, tmp_path: Path) -> None:
    partitions.write(tmp_path, "study", FINISHED, [], {})
    path = tmp_path / "parts/00000.parquet"
    content = bytearray(path.read_bytes())
    if damage == "remove":
        path.unlink()
    elif damage == "flip":
        content[content.index(np.float64(1 / 3).tobytes())] ^= 1
        path.write_bytes(content)
    else:
        path.write_bytes(content[: -len(content) // 2] if damage == "cut" else b"")
    told = (
        "no such file, run `dvc repro` first"
        if damage == "remove"
        else "damaged, run `dvc checkout`"
    )
    with pytest.raises(RetrialError) as raised:
        load_records(tmp_path).metric("c", "loss")
    assert str(raised.value) == f"{path}: {told}"


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"parts": []}', b"\xff"])
def test_a_damaged_index_is_one_line(content: bytes, tmp_path: Path) -> None:
    partitions.write(tmp_path, "study", FINISHED, [], {})
    (tmp_path / records.RECORDS).write_bytes(content)
    with pytest.raises(RetrialError, match=r"damaged, run `dvc checkout`$"):
        load_records(tmp_path)


def test_trials_in_parts_are_not_said_to_be_run_again(tmp_path: Path) -> None:
    folder = tmp_path / "data/results/study"
    partitions.write(folder, "study", FINISHED, [], {"data": {}})
    [check] = verify.trials_of(load_records(folder), tmp_path, 1, 0)
    assert (check.wrong, check.note) == ("", "their records are in parts")
    with same_bytes.samples(tmp_path, 1, 10.0) as [sample]:
        assert (sample.trials, sample.skipped) == ((), "its records are in parts")


PIPELINE = """\
stages:
  one:
    outs: [data/results/one/records.json, data/results/one/parts: {cache: true}]
  each:
    foreach: [mnist, cifar10]
    do:
      outs:
        - data/results/each_${item}/parts
  keyed:
    foreach: {depth: depth_search}
    do:
      outs: ["data/results/${key}/parts"]
  plain:
    outs: [data/results/plain/records.json]
"""


def test_a_study_keeps_parts_where_the_pipeline_names_them(tmp_path: Path) -> None:
    pipeline = tmp_path / "dvc.yaml"
    pipeline.write_text(PIPELINE)
    results = Path("data/results")
    for name in ("one", "each_cifar10", "depth"):
        assert partitions.partitioned(results / name, 1, pipeline)
        assert partitions.partitioned(results / name, 10**6, pipeline)
    assert not partitions.partitioned(results / "plain", partitions.MOST_WHOLE, pipeline)
    assert not partitions.partitioned(results / "each_iris", 1, pipeline)
    with pytest.raises(RetrialError) as raised:
        partitions.partitioned(results / "plain", partitions.MOST_WHOLE + 1, pipeline)
    assert str(raised.value) == (
        f"{pipeline}: 50001 trials below data/results/plain: expected data/results/plain/parts "
        "among the outs of a stage of more than 50000 (docs/scale.md)"
    )


def test_parts_are_not_published(tmp_path: Path) -> None:
    partitions.write(tmp_path / "study", "study", FINISHED, [], {})
    with pytest.raises(RetrialError, match="parts: too large to publish, expected records in"):
        pack(tmp_path / "study", tmp_path / "study.tar.xz")
    shutil.rmtree(tmp_path / "study/parts")
    pack(tmp_path / "study", tmp_path / "study.tar.xz")


def test_the_pipeline_carries_parts(tmp_path: Path) -> None:
    clone = miniature(tmp_path, seeds=3)
    done = clone("dvc", "repro", "heirs")
    assert done.returncode == 0, done.stdout + done.stderr
    whole = Records.load(clone.root / "data/results/heirs")
    clone.replace(
        "dvc.yaml",
        "      - data/results/heirs/records.json",
        "      - data/results/heirs/parts\n\\g<0>",
    )
    done = clone("dvc", "repro", "heirs")
    assert done.returncode == 0, done.stdout + done.stderr
    parts = load_records(clone.root / "data/results/heirs")
    assert isinstance(parts, Partitioned)
    assert list(parts.trials) == list(whole.trials)
    shutil.rmtree(clone.root / "data/results/heirs/parts")
    assert clone("dvc", "checkout").returncode == 0
    assert list(load_records(parts.folder).trials) == list(whole.trials)
    assert "up to date" in clone("dvc", "status").stdout

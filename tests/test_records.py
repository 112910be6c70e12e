from pathlib import Path

import numpy as np
import pytest

from retrial.core import records
from retrial.core.errors import RetrialError
from retrial.core.records import Finished, Records
from retrial.core.trial import Metric, Result, Trial


def finished(arm: str, seed: int, value: float | None, curve: list[float | None]) -> Finished:
    result = Result(
        metrics={"accuracy": Metric(value, 10)},
        curves={"loss": curve},
        arrays={"predictions": np.full(3, seed, np.uint8)},
    )
    return Finished(Trial("study", arm, seed, {"rate": 0.1}), result, f"{seed:032x}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    trials = [
        finished("a/b", 0, 0.5, [1.0, 0.5]),
        finished("a/b", 1, None, [2.0]),
        finished("c", 0, float("nan"), [np.float32(0.1).item(), None]),
    ]
    records.write(tmp_path / "study", "study", trials, ["left out"], {"lock": "abc"})
    return tmp_path / "study"


def test_what_is_written_is_read(folder: Path) -> None:
    found = Records.load(folder)
    assert found.arms() == ["a/b", "c"]
    assert found.skipped == ("left out",)
    np.testing.assert_array_equal(found.metric("a/b", "accuracy"), [0.5, np.nan])
    np.testing.assert_array_equal(found.curve("a/b", "loss"), [[1.0, 0.5], [2.0, np.nan]])
    np.testing.assert_array_equal(found.array("a/b", 1, "predictions"), [1, 1, 1])
    assert found.sample_size("c", "accuracy") == 10


def test_bytes_depend_on_content_alone(folder: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    test = Records.load(folder)
    trials = [
        finished("a/b", 0, 0.5, [1.0, 0.5]),
        finished("a/b", 1, None, [2.0]),
        finished("c", 0, float("nan"), [np.float32(0.1).item(), None]),
    ]
    records.write(again, "study", trials, list(test.skipped), {"lock": "abc"})
    for path in folder.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name


def test_no_number_is_infinite_or_nan_on_disk(folder: Path) -> None:
    text = (folder / records.RECORDS).read_text()
    assert "NaN" not in text
    assert "Infinity" not in text


def test_what_is_not_there_is_named(folder: Path) -> None:
    found = Records.load(folder)
    with pytest.raises(RetrialError, match=r"no arm 'b', expected one of a/b, c, left out"):
        found.of("b")
    with pytest.raises(RetrialError, match=r"has no metric 'acuracy', expected one of accuracy"):
        found.metric("c", "acuracy")
    with pytest.raises(RetrialError, match=r"no such file, run `dvc repro` first"):
        Records.load(folder / "nowhere")


@pytest.mark.parametrize("content", [b"", b"\xff", b"{}", b"[]", b'{"study": "s"'])
def test_damaged_records_are_one_line(folder: Path, content: bytes) -> None:
    (folder / records.RECORDS).write_bytes(content)
    with pytest.raises(RetrialError, match=r"damaged, run `dvc checkout`$"):
        Records.load(folder)


@pytest.mark.parametrize("damage", [lambda b: b[:-40], lambda b: b"", lambda b: b"PK" + b[::-1]])
def test_damaged_arrays_are_one_line(folder: Path, damage) -> None:
    path = folder / records.ARRAYS
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RetrialError, match=r"arrays.npz: damaged, run `dvc checkout`$"):
        Records.load(folder).array("a/b", 1, "predictions")


def test_a_damaged_array_is_one_line(folder: Path) -> None:
    path = folder / records.ARRAYS
    content = bytearray(path.read_bytes())
    content[content.index(bytes([1, 1, 1]))] ^= 1
    path.write_bytes(content)
    with pytest.raises(RetrialError, match=r"arrays.npz: damaged, run `dvc checkout`$"):
        Records.load(folder).array("a/b", 1, "predictions")

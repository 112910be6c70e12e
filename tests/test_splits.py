import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from retrial.core.errors import RetrialError
from retrial.data.splits import SPLITS, class_counts, read_labels, write_split

SIZES = {
    "report000_mnist": {"train": 1000, "test": 100},
    "report002_mnist": {"train": 60_000, "validation": 5000, "test": 5000},
    "report002_fashion": {"train": 8000, "validation": 1000, "test": 1000},
    "iris": {"train": 70, "test": 30},
    "full_mnist": {"train": 60_000, "test": 10_000},
    "full_cifar10": {"train": 50_000, "test": 10_000},
}
ROWS = {
    "train_images": 60_000,
    "test_images": 10_000,
    "features": 100,
}


def raw_folder(folder: Path) -> Path:
    """Label files of the right lengths, cycling through the classes."""
    for dataset, train in (("mnist", 60_000), ("fashion_mnist", 60_000), ("cifar10", 50_000)):
        (folder / dataset).mkdir()
        np.save(folder / dataset / "train_labels.npy", np.arange(train, dtype=np.uint64) % 10)
        np.save(folder / dataset / "test_labels.npy", np.arange(10_000) % 10)
    (folder / "iris").mkdir()
    np.save(folder / "iris" / "labels.npy", np.repeat(np.arange(3, dtype=np.uint8), 50))
    return folder


@pytest.mark.parametrize("name", SIZES)
def test_every_split_has_the_stated_sizes_and_no_row_twice(name):
    parts = SPLITS[name]().parts
    assert {part: len(rows.indices) for part, rows in parts.items()} == SIZES[name]
    for array in {rows.indexes for rows in parts.values()}:
        indices = np.concatenate([r.indices for r in parts.values() if r.indexes == array])
        assert indices.dtype == np.int32
        assert len(np.unique(indices)) == len(indices)
        assert indices.min() >= 0
        assert indices.max() < ROWS[array]


def test_all_splits_are_tested():
    assert set(SPLITS) == set(SIZES)


def test_report000_takes_the_first_rows():
    parts = SPLITS["report000_mnist"]().parts
    assert parts["train"].indices.tolist() == list(range(1000))
    assert parts["test"].indices.tolist() == list(range(100))


def test_report002_validates_on_the_second_returned_half():
    parts = SPLITS["report002_mnist"]().parts
    # RandomState(42).permutation(10000): the first returned half is what follows the test half.
    order = np.random.RandomState(42).permutation(10_000)
    assert parts["validation"].indices.tolist() == order[:5000].tolist()
    assert parts["test"].indices.tolist() == order[5000:].tolist()


def test_iris_is_the_split_of_the_printed_code():
    features = np.arange(150)[:, None]
    target = np.repeat([0, 1, 2], 50)
    kept = target < 2
    train, test, _, _ = train_test_split(
        features[kept], target[kept], test_size=0.3, random_state=42
    )
    parts = SPLITS["iris"]().parts
    assert parts["train"].indices.tolist() == train[:, 0].tolist()
    assert parts["test"].indices.tolist() == test[:, 0].tolist()


def test_class_counts_worked_by_hand():
    labels = np.array([0, 2, 2, 1, 0], np.uint8)
    assert class_counts(labels, np.array([0, 1, 2])) == {"0": 1, "1": 0, "2": 2}
    with pytest.raises(RetrialError, match="index 5: outside the 5 rows"):
        class_counts(labels, np.array([0, 5]))


def test_files_are_written_with_counts_and_twice_the_same(tmp_path):
    raw = raw_folder(tmp_path)
    for name, sizes in SIZES.items():
        first, second = tmp_path / "first" / name, tmp_path / "second" / name
        write_split(name, raw, first)
        write_split(name, raw, second)
        files = sorted(path.name for path in first.iterdir())
        assert files == sorted(f"{part}.npy" for part in sizes)
        for file in files:
            assert (first / file).read_bytes() == (second / file).read_bytes()
        summary = json.loads(first.with_suffix(".json").read_text())
        assert summary["split"] == name
        for part, size in sizes.items():
            told = summary["parts"][part]
            indices = np.load(first / f"{part}.npy", allow_pickle=False)
            assert told["size"] == len(indices) == size
            assert sum(told["class_counts"].values()) == size
            assert told["indexes"] == SPLITS[name]().parts[part].indexes
    counts = json.loads((tmp_path / "first/report000_mnist.json").read_text())
    assert counts["parts"]["test"]["class_counts"] == {str(label): 10 for label in range(10)}
    assert counts["assumes"]


def test_an_unknown_split_names_the_known_ones(tmp_path):
    with pytest.raises(RetrialError, match=r"split nonsense: unknown, expected one of report000_"):
        write_split("nonsense", tmp_path, tmp_path / "out")


def test_missing_and_damaged_labels_are_told_with_the_file(tmp_path):
    with pytest.raises(RetrialError, match=r"labels\.npy: no such file"):
        read_labels(tmp_path, "labels")
    (tmp_path / "labels.npy").write_bytes(b"<html>")
    with pytest.raises(RetrialError, match=r"labels\.npy: no readable labels"):
        read_labels(tmp_path, "labels")


def test_too_few_labels_write_nothing(tmp_path):
    (tmp_path / "iris").mkdir()
    np.save(tmp_path / "iris" / "labels.npy", np.zeros(20, np.uint8))
    with pytest.raises(RetrialError, match=r"split iris: .*outside the 20 rows"):
        write_split("iris", tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("stage", ["fetch", "split"])
@pytest.mark.parametrize("arguments", [[], ["nonsense"]])
def test_a_stage_called_wrongly_ends_with_one_line(tmp_path, stage, arguments):
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, str(root / "stages" / f"{stage}.py"), *arguments],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root / "src"), "PATH": "", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []

"""Memory that no stage measured comes from one trial that is run again."""

from pathlib import Path

import pytest
from synthetic import FAMILY, finished

from retrial.core import records
from retrial.core.records import Records
from retrial.tools import measure as module
from retrial.tools.archive import pack
from retrial.tools.manifest import read_manifest, write_manifest
from retrial.tools.measure import measure
from retrial.tools.published import archive_of


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A published study of three trials of 1, 3 and 2 seconds whose memory is not known."""
    around = {"code": "c", "data": {}}
    records.write(tmp_path / "made", FAMILY, [finished(i) for i in range(3)], [], around)
    folder = tmp_path / "reports/published"
    pack(tmp_path / "made", archive_of(FAMILY, folder))
    stage = {"peak_bytes": None, "peak_of": None, "wall_seconds": None}
    content = {"stages": {FAMILY: stage}, "timings": {FAMILY: {"linear": [1.0, 3.0, 2.0]}}}
    write_manifest(folder, content)

    def again(study: str, entries: list, places: list, out: Path) -> int:
        assert (study, places, out.is_dir()) == (FAMILY, [], True)
        return 1_000_000 * (1 + entries[0]["seed"])

    monkeypatch.setattr(module, "run_again", again)
    return tmp_path


@pytest.mark.parametrize(("at_most", "seed"), [(9.0, 1), (3.0, 1), (2.5, 2), (1.0, 0)])
def test_the_costliest_within_the_limit_is_run(root: Path, at_most: float, seed: int) -> None:
    told = f"one worker, arm linear, seed {seed}"
    assert list(measure(at_most, root)) == [f"{FAMILY}: {1 + seed} MB, {told}"]
    found = read_manifest(root / "reports/published")
    assert found["stages"][FAMILY] == {
        "peak_bytes": 1_000_000 * (1 + seed), "peak_of": told, "wall_seconds": None,
    }  # fmt: skip
    assert list(found["files"]) == [f"records/{FAMILY}.tar.xz"]
    # What is known is not measured again.
    assert list(measure(at_most, root)) == []


def test_trials_that_take_longer_are_left_out(root: Path) -> None:
    told = f"{FAMILY}: not measured, no trial is known to take at most 0.5 s"
    assert list(measure(0.5, root)) == [told]
    assert read_manifest(root / "reports/published")["stages"][FAMILY]["peak_bytes"] is None


def test_without_its_data_a_study_is_not_measured(root: Path) -> None:
    around = {"code": "c", "data": {"autoencoder/weights.safetensors": "d"}}
    records.write(root / "made", FAMILY, [finished(i) for i in range(3)], [], around)
    pack(root / "made", archive_of(FAMILY, root / "reports/published"))
    (line,) = measure(9.0, root)
    told = f"data of {FAMILY}: autoencoder/weights.safetensors is missing; run `dvc repro` first"
    assert line == f"{FAMILY}: not measured, {told}"


def test_without_times_there_is_no_costliest(root: Path) -> None:
    found = Records.load(root / "made")
    assert module.costliest(found, {}, 9.0) is None

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from synthetic import CLAIM, FAMILY, git, project, write_results

from retrial.core import records
from retrial.core.errors import RetrialError
from retrial.core.records import Finished, Records
from retrial.core.trial import Trial
from retrial.judging.ledger import load_claims
from retrial.running.digest import data_hashes
from retrial.running.sweep import load_arrays
from retrial.studies import features, kernels
from retrial.tools import archive, manifest, verify
from retrial.tools.archive import pack
from retrial.tools.manifest import read_manifest, write_manifest
from retrial.tools.publish import publish, write_rows
from retrial.tools.published import archive_of
from retrial.tools.verify import Check, trials

STUDY = "kernels"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Records of a trial that takes no time, with the data that it ran on."""
    # The emulator takes half a minute to load NumPy.
    monkeypatch.setattr(verify.shutil, "which", lambda _: None)
    raw, split = tmp_path / "data/raw/mnist", tmp_path / "data/splits/report000_mnist"
    arrays = {
        raw / "train_images.npy": np.zeros((20, 28, 28), np.uint8),
        raw / "train_labels.npy": np.arange(20, dtype=np.uint8) % 10,
        raw / "test_images.npy": np.ones((10, 28, 28), np.uint8),
        raw / "test_labels.npy": np.arange(10, dtype=np.uint8),
        split / "train.npy": np.arange(15, dtype=np.int32),
        split / "test.npy": np.arange(5, dtype=np.int32),
    }
    for path, array in arrays.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, array)
    trial = Trial(STUDY, "split", 0, {"task": "split"})
    result = kernels.run(trial, load_arrays((str(raw), str(split))))
    provenance = {"data": data_hashes([raw, split])}
    folder = tmp_path / "data/results" / STUDY
    records.write(folder, STUDY, [Finished(trial, result, "f")], [], provenance)
    return tmp_path


def checked(root: Path) -> list[Check]:
    return list(trials(root, sample=2))


def test_a_trial_that_is_run_again_gives_the_same_bytes(root: Path) -> None:
    found = checked(root)
    assert found
    assert all(one.what.startswith(f"{STUDY}: split, seed 0, again") for one in found)
    assert not [one for one in found if one.wrong]


def test_an_altered_metric_is_found(root: Path) -> None:
    path = root / "data/results" / STUDY / "records.json"
    content = json.loads(path.read_text())
    content["trials"][0]["metrics"]["train_size"]["value"] += 1
    path.write_text(json.dumps(content))
    assert {one.wrong for one in checked(root)} == {"differs in metrics"}


def test_an_altered_array_is_found(root: Path) -> None:
    path = root / "data/results" / STUDY / "arrays.npz"
    with np.load(path, allow_pickle=False) as members:
        arrays = dict(members)
    arrays["split:0:test_labels"] = arrays["split:0:test_labels"] + 1
    np.savez(path, allow_pickle=False, **arrays)
    assert {one.wrong for one in checked(root)} == {"differs in test_labels"}


def test_altered_data_is_refused(root: Path) -> None:
    np.save(root / "data/raw/mnist/test_labels.npy", np.zeros(10, np.uint8))
    with pytest.raises(RetrialError, match=r"mnist/test_labels.npy has another SHA-256"):
        checked(root)


def test_drawn_domains_have_a_place_of_their_own(root: Path) -> None:
    path = root / "data/domains/digits_labels.npy"
    path.parent.mkdir()
    np.save(path, np.arange(3))
    folder = root / "data/results" / STUDY
    records.write(folder, STUDY, [], [], {"data": data_hashes([path.parent])})
    assert verify.data_places(Records.load(folder), root) == [path.parent]


def test_places_stand_as_the_stage_declares_them(root: Path) -> None:
    places = ["data/raw/mnist", "data/splits/report000_mnist"]
    records_left = Records.load(root / "data/results" / STUDY)
    for order in (places, places[::-1]):
        (root / "dvc.yaml").write_text(json.dumps({"stages": {STUDY: {"deps": order}}}))
        assert verify.data_places(records_left, root) == [root / place for place in order]


@pytest.fixture
def after_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Records of a trial that ran on what an earlier study left, and that left weights itself."""
    monkeypatch.setattr(verify.shutil, "which", lambda _: None)
    raw, split = tmp_path / "data/raw/fashion_mnist", tmp_path / "data/splits/report002_fashion"
    earlier = tmp_path / "data/results/autoencoder/weights.safetensors"
    chance = np.random.default_rng(0)
    arrays = {
        **{
            raw / f"{part}_images.npy": chance.integers(0, 256, (20, 28, 28), np.uint8)
            for part in ("train", "test")
        },
        **{raw / f"{part}_labels.npy": np.arange(20, dtype=np.uint8) % 10
           for part in ("train", "test")},
        **{split / f"{part}.npy": np.arange(9) for part in ("train", "validation", "test")},
    }  # fmt: skip
    for path, array in arrays.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, array)
    earlier.parent.mkdir(parents=True)
    encoder = {"weight_0": chance.normal(size=(784, 3)), "bias_0": np.zeros(3)}
    save_file({f"relu:0:{key}": x.astype(np.float32) for key, x in encoder.items()}, earlier)
    trial = Trial("features", "relu", 0, {"widths": [3], "activation": "relu"})
    result = features.run(trial, load_arrays((str(raw), str(split), str(earlier))))
    provenance = {"data": data_hashes([raw, split, earlier])}
    folder = tmp_path / "data/results/features"
    records.write(folder, "features", [Finished(trial, result, "f")], [], provenance)
    return tmp_path


def test_a_trial_after_another_study_is_run_again(after_another: Path) -> None:
    (one,) = checked(after_another)
    # Loading NumPy alone takes more than 30 MB, and nothing here takes a gigabyte.
    assert re.fullmatch(r"features: relu, seed 0, again \(\d{2,3} MB at most\)", one.what)
    assert (one.wrong, one.note) == ("", "")


def test_altered_weights_are_found(after_another: Path) -> None:
    path = after_another / "data/results/features/weights.safetensors"
    left = load_file(path)
    left["relu:0:test"] = left["relu:0:test"] + 1
    save_file(left, path)
    assert [one.wrong for one in checked(after_another)] == ["differs in test"]


@pytest.mark.parametrize("state", ["altered", "missing"])
def test_what_a_published_trial_ran_on_may_be_of_another_run(
    after_another: Path, state: str
) -> None:
    earlier = after_another / "data/results/autoencoder/weights.safetensors"
    if state == "altered":
        save_file({"relu:0:weight_0": np.ones(3)}, earlier)
    else:
        earlier.unlink()
    told = "is missing" if state == "missing" else "has another SHA-256"
    with pytest.raises(RetrialError, match=f"autoencoder/weights.safetensors {told}"):
        checked(after_another)
    folder = after_another / "data/results/features"
    pack(folder, archive_of("features", after_another / "reports/published"))
    shutil.rmtree(folder)
    (one,) = checked(after_another)
    assert one.wrong == ""
    assert one.note.startswith("they ran on data/results/autoencoder/weights.safetensors")
    assert one.note.endswith("run `make study PROFILE=paper` first")


def test_no_records_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(RetrialError, match="no records, run `make study` first"):
        checked(tmp_path)


def test_an_emulator_that_is_installed_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert verify.prefixes() in ([()], [(), verify.EMULATOR])
    monkeypatch.setattr(verify.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert verify.prefixes() == [(), ("qemu-x86_64", "-cpu", "Haswell")]


def test_published_trials_are_run_again_from_their_archive(root: Path) -> None:
    folder = root / "data/results" / STUDY
    pack(folder, archive_of(STUDY, root / "reports/published"))
    assert not [one for one in checked(root) if one.wrong]
    content = json.loads((folder / "records.json").read_text())
    content["trials"][0]["metrics"]["train_size"]["value"] += 1
    (folder / "records.json").write_text(json.dumps(content))
    # The last run's own records do not count beside published ones.
    assert not [one for one in checked(root) if one.wrong]
    pack(folder, archive_of(STUDY, root / "reports/published"))
    assert {one.wrong for one in checked(root)} == {"differs in metrics"}


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose paper results are published with the verdicts that follow from them."""
    project(tmp_path)
    write_results(tmp_path, "paper")
    monkeypatch.setattr(manifest, "code_digest", lambda module: "c")
    # The family's readings are of other arms than this project has.
    monkeypatch.setattr("retrial.judging.multiverse.NUMBERS", {})
    publish([], tmp_path)
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "published")
    folder = tmp_path / "reports/published"
    claims = load_claims(tmp_path / "claims")
    write_rows(verify.judged_again(FAMILY, claims, [CLAIM], folder), folder, tmp_path)
    write_manifest(folder, read_manifest(folder))
    return tmp_path


def wrong(root: Path) -> dict[str, str]:
    return {one.what: one.wrong for one in verify.published(root) if one.wrong}


JUDGED = f"verdicts of {FAMILY} from its published records"
CODE = f"code of {FAMILY} is what it was when published"
ARCHIVE = f"reports/published/records/{FAMILY}.tar.xz"


def test_what_is_published_holds(published: Path) -> None:
    found = list(verify.published(published))
    assert not [one for one in found if one.wrong or one.note]
    told = {one.what for one in found}
    assert {ARCHIVE, JUDGED, CODE, "1 claims with a published verdict"} <= told
    assert "reports/published/verdicts.csv is the table of verdicts.json" in told


def test_an_altered_verdict_is_found(published: Path) -> None:
    folder = published / "reports/published"
    text = (folder / "verdicts.json").read_text()
    (folder / "verdicts.json").write_text(text.replace('"n": 2', '"n": 3'))
    assert wrong(published) == {
        "reports/published/verdicts.json": "has another SHA-256 than the manifest says",
        JUDGED: f"1 of 1 differ: {CLAIM}",
        "reports/published/verdicts.csv is the table of verdicts.json": "has other rows",
    }


def test_altered_records_are_found(published: Path, tmp_path: Path) -> None:
    folder = published / "reports/published"
    archive.unpack(published / ARCHIVE, tmp_path / "view")
    path = tmp_path / "view/records.json"
    path.write_text(path.read_text().replace("0.9", "0.2"))
    pack(tmp_path / "view", published / ARCHIVE)
    write_manifest(folder, read_manifest(folder))
    assert wrong(published) == {JUDGED: f"1 of 1 differ: {CLAIM}"}


def test_a_flipped_byte_is_found(published: Path) -> None:
    content = bytearray((published / ARCHIVE).read_bytes())
    content[len(content) // 2] ^= 1
    (published / ARCHIVE).write_bytes(content)
    found = wrong(published)
    assert found.pop(ARCHIVE) == "has another SHA-256 than the manifest says"
    assert set(found) == {JUDGED, CODE}
    assert all("damaged, run `git checkout" in told for told in found.values())


def test_a_claim_without_a_verdict_is_found(published: Path) -> None:
    folder = published / "reports/published"
    write_rows([], folder, published)
    write_manifest(folder, read_manifest(folder))
    assert wrong(published) == {"1 claims with a published verdict": f"1 have none: {CLAIM}"}


def test_changed_code_is_found(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "code_digest", lambda module: "d")
    again = "is not; run `make study PROFILE=paper` and publish it again"
    assert wrong(published) == {CODE: again}


def test_too_much_is_found(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "SIZE_AT_MOST", 10)
    assert list(wrong(published).values()) == ["are more than 10"]


def test_nothing_published_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RetrialError, match=r"manifest.json: no such file, nothing is published"):
        list(verify.published(tmp_path))

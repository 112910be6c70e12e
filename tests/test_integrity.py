"""Damage to a file of each kind is noticed and named, whatever reads it."""

import os
import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import synthetic
from safetensors.numpy import save_file

from retrial.core.errors import DEBUG_VARIABLE, RetrialError
from retrial.core.partitions import PARTS
from retrial.data.cache import Cache
from retrial.judging import altered, verdicts
from retrial.report import book
from retrial.running import stage
from retrial.running.integrity import LOCK, OBJECTS, md5, outs, require_intact
from retrial.running.store import Store
from retrial.studies import kernels
from retrial.tools import predict as predictor
from retrial.tools import publish, verify
from retrial.tools.locks import read_lock

ROOT = Path(__file__).parents[1]
FAMILY = synthetic.FAMILY
RESULTS = f"data/results/{FAMILY}"
FOLDERS = ("data/raw/mnist", "data/splits/report000_mnist", "data/domains")
WEIGHTS = f"{RESULTS}/weights.safetensors"
PART = f"{RESULTS}/{PARTS}/00000.parquet"
JUDGED = (*(f"{RESULTS}/{name}" for name in verdicts.JUDGED if name != PARTS), PART)


def flipped(path: Path) -> None:
    """One bit in the middle, with the times of before: DVC would not look."""
    times = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


DAMAGES = (flipped, cut, emptied, Path.unlink)
damages = pytest.mark.parametrize("damage", DAMAGES, ids=["flipped", "cut", "emptied", "removed"])


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with every kind of file that a stage leaves, and the lock of them."""
    monkeypatch.setenv(DEBUG_VARIABLE, "")
    root = synthetic.project(tmp_path)
    monkeypatch.chdir(root)
    monkeypatch.setattr(verdicts, "judge_family", lambda *_: [synthetic.row()])
    for folder in FOLDERS:
        Path(folder).mkdir(parents=True)
        np.save(f"{folder}/images.npy", np.arange(200, dtype=np.uint8))
        np.save(f"{folder}/test_labels.npy", np.arange(200, dtype=np.uint8) % 10)
        Path(f"{folder}/table.csv").write_text("age,fare\n3,2.5\n")
    save_file({"linear:0:layer": np.ones(30, np.float32)}, WEIGHTS)
    Path(PART).parent.mkdir()
    Path(PART).write_bytes(bytes(range(100)))
    write_lock()
    assert {str(out.path) for out in outs(LOCK)} > {*FOLDERS, *JUDGED, WEIGHTS}
    return root


def write_lock() -> None:
    """dvc.lock as DVC writes it, and the folders' lists of files as DVC's cache holds them."""
    paths = [*FOLDERS, *JUDGED, WEIGHTS, f"data/results/verdicts/{FAMILY}.json"]
    lines = ["schema: '2.0'", "stages:"]
    for path in paths:
        lines += [f"  make@{Path(path).name}:", "    cmd: make", "    deps:", "    - path: src"]
        lines += ["      md5: 0123456789abcdef0123456789abcdef.dir", "    outs:"]
        lines += [f"    - path: {path}", "      hash: md5", f"      md5: {md5(Path(path))}"]
    LOCK.write_text("\n".join(lines) + "\n")


def keep_list(folder: str) -> None:
    """What DVC's cache holds of a folder: the md5 of each of its files."""
    digest = md5(Path(folder))
    entries = ", ".join(
        f'{{"md5": "{md5(path)}", "relpath": "{path.name}"}}'
        for path in sorted(Path(folder).iterdir())
    )
    target = OBJECTS / digest[:2] / digest[2:]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f"[{entries}]")


def refused(call: Callable[[], object], capsys: pytest.CaptureFixture[str], name: str) -> None:
    """A script ends with one line that names the file."""
    with pytest.raises(SystemExit) as ended:
        call()
    told = capsys.readouterr().err.strip().splitlines()
    assert (ended.value.code, len(told)) == (1, 1), told
    assert told[0].startswith(f"error: {name}"), told
    assert "dvc repro" in told[0]


def run_stage(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Start a study's stage on all data; what its sweep was called with, which runs nothing."""
    called: list[object] = []

    def sweep(*given: object) -> None:
        called.append(given)
        raise RetrialError("the sweep was reached; run `dvc repro`")

    monkeypatch.setattr(stage, "sweep", sweep)
    monkeypatch.setattr(stage, "require_avx2", lambda: None)
    for name in ("params.yaml", "profiles", "requirements.lock"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, name, dirs_exist_ok=True)
        else:
            shutil.copy(source, name)
    return called


def start(results: str = "data/results/new") -> None:
    stage.run_study(kernels, [*FOLDERS, WEIGHTS], results)


def test_intact_data_are_trained_on(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    called = run_stage(monkeypatch)
    refused(start, capsys, "the sweep was reached")
    assert len(called) == 1


@damages
@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("name", ["images.npy", "table.csv"])
def test_damaged_data_are_never_trained_on(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    folder: str, name: str, damage: Callable[[Path], None],
) -> None:  # fmt: skip
    called = run_stage(monkeypatch)
    keep_list(folder)
    damage(Path(folder, name))
    refused(start, capsys, f"{folder}/{name}: ")
    assert not called


def test_without_dvcs_list_the_folder_is_named(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    called = run_stage(monkeypatch)
    flipped(Path(FOLDERS[0], "images.npy"))
    refused(start, capsys, f"{FOLDERS[0]}: damaged")
    keep_list(FOLDERS[1])
    Path(FOLDERS[0], "images.npy").unlink()
    Path(FOLDERS[1], "added.npy").write_bytes(b"")
    with pytest.raises(RetrialError, match=f"^{FOLDERS[1]}: damaged"):
        require_intact([Path(FOLDERS[1])])
    assert not called


@damages
def test_damaged_weights_are_never_trained_on(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
) -> None:  # fmt: skip
    called = run_stage(monkeypatch)
    damage(Path(WEIGHTS))
    refused(start, capsys, f"{WEIGHTS}: ")
    assert not called


@damages
@pytest.mark.parametrize("name", JUDGED)
def test_damaged_records_are_never_judged(
    root: Path, name: str, damage: Callable[[Path], None]
) -> None:
    verdict = Path(f"data/results/verdicts/{FAMILY}.json")
    verdict.unlink()
    verdicts.write_family(FAMILY)
    assert verdict.exists()
    verdict.unlink()
    damage(Path(name))
    with pytest.raises(RetrialError, match=f"^{name}: ") as raised:
        verdicts.write_family(FAMILY)
    assert "\n" not in str(raised.value)
    assert not verdict.exists()


@damages
def test_damaged_verdicts_are_never_in_the_table(
    root: Path, damage: Callable[[Path], None]
) -> None:
    name = f"data/results/verdicts/{FAMILY}.json"
    verdicts.merge()
    before = verdicts.TABLE.read_bytes()
    damage(Path(name))
    with pytest.raises(RetrialError, match=f"^{name}: "):
        verdicts.merge()
    assert verdicts.TABLE.read_bytes() == before
    # Where no lock says what was left, what cannot be read is told all the same.
    LOCK.unlink()
    if damage is not flipped and damage is not Path.unlink:
        with pytest.raises(RetrialError, match=f"^{name}: damaged"):
            verdicts.read_rows(Path(name))


@damages
@pytest.mark.parametrize("name", [*JUDGED, WEIGHTS, f"data/results/verdicts/{FAMILY}.json"])
def test_no_report_is_made_of_damaged_results(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    name: str, damage: Callable[[Path], None],
) -> None:  # fmt: skip
    made: list[object] = []
    monkeypatch.setattr(book, "write_report", lambda *given: made.append(given))
    main = runpy.run_path(str(ROOT / "stages/report.py"))["main"]
    main()
    assert len(made) == 1
    damage(Path(name))
    refused(main, capsys, f"{name}: ")
    assert len(made) == 1


@damages
@pytest.mark.parametrize("script", [["split.py", "report000_mnist"], ["domains.py"]])
def test_nothing_is_drawn_from_damaged_data(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    script: list[str], damage: Callable[[Path], None],
) -> None:  # fmt: skip
    shutil.copy(ROOT / "params.yaml", "params.yaml")
    path = Path(FOLDERS[0], "test_labels.npy")
    keep_list(FOLDERS[0])
    damage(path)
    monkeypatch.setattr(sys, "argv", script)
    main = runpy.run_path(str(ROOT / "stages" / script[0]))["main"]
    refused(main, capsys, f"{path}: ")


@damages
@pytest.mark.parametrize("name", [f"{RESULTS}/records.json", WEIGHTS])
def test_no_picture_is_shown_to_damaged_weights(
    root: Path, monkeypatch: pytest.MonkeyPatch, name: str, damage: Callable[[Path], None]
) -> None:
    monkeypatch.setattr(predictor, "NAME", FAMILY)
    monkeypatch.setattr(predictor, "chosen", lambda _: "linear")
    built = SimpleNamespace(arm=[])
    monkeypatch.setattr(predictor, "classifier_of", lambda _, arm, *rest: built.arm.append(arm))
    predictor.load(root)
    assert built.arm == ["linear"]
    damage(root / name)
    with pytest.raises(RetrialError, match=f"{name}: "):
        predictor.load(root)
    assert built.arm == ["linear"]


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (name, damage)
        for name in JUDGED
        for damage in DAMAGES
        # Records that are not there are none that verify looks for.
        if not (name.endswith("records.json") and damage is Path.unlink)
    ],
)
def test_verify_finds_records_that_no_sampled_trial_shows(
    root: Path, monkeypatch: pytest.MonkeyPatch, name: str, damage: Callable[[Path], None]
) -> None:
    monkeypatch.setattr(verify, "trials_of", lambda records, *_: iter([verify.Check("ran")]))
    assert [(one.what, one.wrong) for one in verify.trials(root, 0)] == [("ran", "")]
    damage(root / name)
    (found,) = verify.trials(root, 0)
    assert found.wrong.startswith(f"{name}: ")


@damages
@pytest.mark.parametrize("name", [*JUDGED, f"{FOLDERS[0]}/images.npy"])
def test_nothing_damaged_is_published(
    root: Path, name: str, damage: Callable[[Path], None]
) -> None:
    shutil.rmtree("src")
    lock = {
        key: one if "@" not in key else type(one)(one.name, {}, {}, one.outs)
        for key, one in read_lock(LOCK).items()
    }
    owner = next(key for key, one in lock.items() if any(name.startswith(out) for out in one.outs))
    publish.require_fresh(owner, lock, root)
    damage(root / name)
    out = next(iter(lock[owner].outs))
    with pytest.raises(RetrialError, match=f"^{out}: not what stage {owner} had"):
        publish.require_fresh(owner, lock, root)


@damages
def test_a_damaged_file_of_the_data_cache_is_never_used(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    cache = Cache(tmp_path)
    digest = cache.put(b"some payload")
    assert cache.get(digest, "images") == b"some payload"
    damage(cache.path(digest))
    if damage is Path.unlink:
        assert cache.get(digest, "images") is None
        return
    with pytest.raises(RetrialError, match=f"^{cache.path(digest)}: damaged copy of images"):
        cache.get(digest, "images")
    assert cache.get(digest, "images") is None


@damages
def test_a_damaged_trial_is_named_and_never_replayed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None]
) -> None:
    store, key = Store(tmp_path), "ab" * 16
    store.put(key, synthetic.finished(0).result, 1.0)
    assert store.get(key) is not None
    damage(store.path(key))
    assert store.get(key) is None
    removed = damage is Path.unlink
    line = f"note: {store.path(key)}: damaged, its trial is run again\n"
    assert capsys.readouterr().err == ("" if removed else line)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        # The least that a bit can do: another number, in a file that can be read.
        (synthetic.LEDGER.replace('printed: "0.91"', 'printed: "0.90"'), "note: claims/000.yaml: "),
        (synthetic.LEDGER.replace("kind: value", "kind: walue"), "claims/000.yaml: 000-6.2-linear"),
        (synthetic.LEDGER[:120], "claims/000.yaml:"),
        ("", "claims/000.yaml: "),
        (None, "claims: no *.yaml file"),
    ],
    ids=["flipped", "flipped into no claim", "cut", "emptied", "removed"],
)
def test_a_damaged_claim_file_is_named(
    root: Path, capsys: pytest.CaptureFixture[str], content: str | None, told: str
) -> None:
    path = Path("claims/000.yaml")
    verdicts.write_family(FAMILY)
    assert capsys.readouterr().err == ""
    path.unlink()
    if content is not None:
        path.write_text(content)
    if told.startswith("note: "):
        verdicts.write_family(FAMILY)
        assert capsys.readouterr().err.startswith(told)
        return
    with pytest.raises(RetrialError) as raised:
        verdicts.write_family(FAMILY)
    assert str(raised.value).startswith(told)
    assert [str(one) for one in altered.altered(path.parent)] == ["claims/000.yaml"]


def test_a_family_is_told_of_its_own_claim_files_only(root: Path) -> None:
    path = Path("claims/000.yaml")
    path.write_text(synthetic.LEDGER + "# a remark\n")
    assert altered.notes(path.parent, FAMILY) == altered.notes(path.parent) != []
    assert altered.notes(path.parent, "shift") == []


def test_the_locks_lines_are_read_as_its_yaml() -> None:
    stages = read_lock(ROOT / LOCK)
    expected = [(name, out, md5) for name, one in stages.items() for out, md5 in one.outs.items()]
    assert [(out.stage, str(out.path), out.md5) for out in outs(ROOT / LOCK)] == expected
    assert len(expected) > 100


def test_what_no_stage_left_is_not_looked_at(root: Path) -> None:
    Path("data/results/other").mkdir()
    Path("data/results/other/weights.safetensors").write_bytes(b"")
    require_intact([Path("data/results/other"), Path("data/results/other/weights.safetensors")])
    LOCK.write_bytes(b"\xff")
    with pytest.raises(RetrialError, match=r"^dvc\.lock: damaged"):
        require_intact([Path("data")])
    LOCK.unlink()
    require_intact([Path("data")])

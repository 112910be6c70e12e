import hashlib
from pathlib import Path

import pytest

from retrial.core.errors import RetrialError
from retrial.running.digest import code_digest, data_hashes, imported_modules, syntax_digest


def digest(tmp_path: Path, text: str) -> str:
    path = tmp_path / "module.py"
    path.write_text(text)
    return syntax_digest(path)


def test_comments_docstrings_and_layout_change_nothing(tmp_path: Path) -> None:
    plain = digest(tmp_path, "def f(x):\n    return x + 1\n")
    told = digest(
        tmp_path, '"""Module."""\n\n\ndef f(x):\n    """Add."""  # why\n    return (x + 1)\n'
    )
    assert plain == told


def test_code_changes_it(tmp_path: Path) -> None:
    assert digest(tmp_path, "x = 1\n") != digest(tmp_path, "x = 2\n")
    # A string that is no docstring is code.
    assert digest(tmp_path, "x = 1\n'a'\n") != digest(tmp_path, "x = 1\n'b'\n")


def test_the_closure_holds_parents_and_what_they_import() -> None:
    found = imported_modules("retrial.studies.scratch_grid")
    assert {"retrial", "retrial.studies", "retrial.nets.dense", "retrial.core.seeds"} <= found
    assert "retrial.studies.kernels" not in found
    assert "retrial.running.sweep" not in found


def test_studies_do_not_depend_on_one_another() -> None:
    assert code_digest("retrial.studies.scratch_grid") != code_digest("retrial.studies.kernels")


def test_arrays_of_folders_and_files_of_tensors_are_hashed(tmp_path: Path) -> None:
    split, features = tmp_path / "split", tmp_path / "features"
    for folder in (split, features):
        folder.mkdir()
        for name in ("train.npy", "counts.csv", "weights.safetensors", "records.json"):
            (folder / name).write_text(name)
    found = data_hashes([split, features / "weights.safetensors"])
    names = ["split/counts.csv", "split/train.npy", "features/weights.safetensors"]
    assert list(found) == names
    for name in names:
        assert found[name] == hashlib.sha256(Path(name).name.encode()).hexdigest()


def test_missing_tensors_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(RetrialError, match=r"weights.safetensors: no such file, run `dvc repro`"):
        data_hashes([tmp_path / "features/weights.safetensors"])

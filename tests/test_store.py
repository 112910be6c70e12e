from pathlib import Path

import numpy as np
import pytest

from retrial.core.errors import RetrialError
from retrial.core.trial import Metric, Result
from retrial.running.store import Store, pack

RESULT = Result(
    metrics={"accuracy": Metric(0.91, 100), "none": Metric(None, 0)},
    status="diverged",
    decided=True,
    detail={"epoch": 2, "tensor": "logits"},
    curves={"loss": [0.1 + 0.2, None]},
    arrays={"predictions": np.arange(5, dtype=np.uint8)},
    weights={"layer/1": np.ones((2, 3), np.float32)},
)


def test_a_kept_trial_comes_back_as_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.get("ab" * 16) is None
    store.put("ab" * 16, RESULT, 1.5)
    found, seconds = store.get("ab" * 16) or pytest.fail("not kept")
    assert seconds == 1.5
    assert (found.metrics, found.status, found.decided) == (RESULT.metrics, "diverged", True)
    assert (found.detail, found.curves) == (RESULT.detail, RESULT.curves)
    assert found.arrays["predictions"].dtype == np.uint8
    assert np.array_equal(found.weights["layer/1"], RESULT.weights["layer/1"])


@pytest.mark.parametrize("damage", [lambda b: b[:-40], lambda b: b"", lambda b: b"PK" + b[::-1]])
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, damage) -> None:
    store = Store(tmp_path)
    store.put("cd" * 16, RESULT, 1.0)
    path = store.path("cd" * 16)
    path.write_bytes(damage(path.read_bytes()))
    assert store.get("cd" * 16) is None


def test_a_flipped_bit_anywhere_is_found(tmp_path: Path) -> None:
    store = Store(tmp_path)
    content = pack(RESULT, 1.0)
    path = store.path("ef" * 16)
    path.parent.mkdir(parents=True)
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        assert store.get("ef" * 16) is None, place
        assert not path.exists()


def test_a_folder_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETRIAL_CACHE", str(tmp_path))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RetrialError, match=r"cannot be written.*RETRIAL_CACHE"):
        Store(tmp_path / "file").put("ab" * 16, RESULT, 1.0)

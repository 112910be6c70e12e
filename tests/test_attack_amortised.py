"""Tests of attacks with one generator for all images, and of the ladder, in tiny runs."""

from typing import Any

import numpy as np
import pytest
import torch
from attacked_digits import (
    CLASSES,
    HELD_OUT,
    LADDER,
    METRICS,
    SECTION,
    TRAIN,
    agree,
    attacked,
    data,
    digits,
    expected_metrics,
    looked_at,
    originals,
    same_metrics,
    trial,
    victim,
)
from wrong_sections import changed

from retrial import image_attacks
from retrial.adversarial.gradient_attacks import fgsm, from_bytes, judged
from retrial.core.config import validated
from retrial.core.seeds import generator
from retrial.core.trial import Result
from retrial.image_attacks import Protocol
from retrial.running.store import pack

CURVES = ["epsilon", "fgsm", "pgd", "noise", "f"]


def captured(monkeypatch: pytest.MonkeyPatch, arm: str, **rest: Any) -> tuple[Result, list]:
    """A result, and all images that it stored: those of f, then of each step of the ladder."""
    stored: list[np.ndarray] = []
    to_bytes = image_attacks.to_bytes

    def kept(images: torch.Tensor) -> np.ndarray:
        stored.append(to_bytes(images))
        return stored[-1]

    monkeypatch.setattr(image_attacks, "to_bytes", kept)
    return image_attacks.run(trial(arm, **rest), data()), stored


def test_an_amortised_result_holds_what_is_promised() -> None:
    result = attacked("amortised/recipe")
    assert result.status == "ok"
    assert set(result.metrics) == METRICS
    assert result.weights == {}
    assert {name: (one.shape, one.dtype.name) for name, one in result.arrays.items()} == {
        "labels": ((20,), "uint8"), "rows": ((20,), "int32"), "before": ((20,), "uint8"),
        "targets": ((20,), "uint8"), "predicted": ((20, 1), "uint8"),
        "refereed": ((20, 1), "uint8"), "known": ((20,), "uint8"),
        "confidence": ((20, 1), "float32"), "quality": ((6, 20, 1), "float32"),
    }  # fmt: skip
    arrays = result.arrays
    assert len(set(arrays["rows"].tolist())) == HELD_OUT
    np.testing.assert_array_equal(digits()["test_labels"][arrays["rows"]], arrays["labels"])
    assert (arrays["targets"] != arrays["labels"]).all()
    assert arrays["targets"].max() < CLASSES
    # By chance, each image has one of the nine others.
    assert len(set(((arrays["targets"] - arrays["labels"]) % CLASSES).tolist())) > 4
    assert list(result.curves) == CURVES
    assert result.curves["epsilon"] == SECTION["ladder"]["epsilons"]
    assert {len(curve) for curve in result.curves.values()} == {4}


def test_amortised_shares_are_read_off_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    result, stored = captured(monkeypatch, "amortised/recipe")
    monkeypatch.undo()
    assert pack(result, 0.0) == pack(attacked("amortised/recipe"), 0.0)
    before = originals(result)
    np.testing.assert_array_equal(result.arrays["before"], judged(victim("recipe"), before).classes)
    agree(result, looked_at(stored[0][:, None], before, victim("recipe"), victim("plain", 1)))
    arrays = result.arrays
    same_metrics(result.metrics, expected_metrics(arrays, arrays["targets"][:, None]))
    # Both those that count and others are led to their targets.
    hit = arrays["predicted"][:, 0] == arrays["targets"]
    wrong = arrays["before"] != arrays["labels"]
    assert result.metrics["misclassified"] == (int(wrong.sum()), HELD_OUT)
    assert wrong.any()
    assert 0 < hit[~wrong].mean() < 1


@pytest.mark.parametrize("arm", ["amortised/recipe", "amortised/plain"])
def test_at_no_distance_the_ladder_is_the_victims_accuracy(arm: str) -> None:
    result = attacked(arm)
    labels, before = (result.arrays[name][:LADDER] for name in ("labels", "before"))
    accuracy = float((before == labels).mean())
    assert 0 < accuracy < 1
    for name in CURVES[1:]:
        assert result.curves[name][0] == accuracy


def test_the_ladder_is_read_off_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    result, stored = captured(monkeypatch, "amortised/recipe")
    monkeypatch.undo()
    network, images = victim("recipe"), originals(result)[:LADDER]
    labels = result.arrays["labels"][:LADDER]
    truth = torch.from_numpy(labels.astype(np.int64))
    epsilons = SECTION["ladder"]["epsilons"]
    changed, ladder = stored[0][:LADDER], iter(stored[1:])
    assert len(stored) == 1 + 4 * len(epsilons)
    for place, epsilon in enumerate(epsilons):
        found = {name: next(ladder) for name in CURVES[1:]}
        for name, one in found.items():
            accuracy = float((judged(network, one).classes == labels).mean())
            assert result.curves[name][place] == accuracy
            # No value is further off than epsilon, up to half a level of rounding.
            far = np.abs(one.astype(int) - images).max()
            assert far <= 255 * epsilon + 0.5
            assert far > 0 or epsilon == 0
        expected = fgsm(network, from_bytes(images), truth, epsilon)
        np.testing.assert_array_equal(found["fgsm"], image_attacks.to_bytes(expected))
        # Noise is as large as it may be, where the range lets it.
        moves = np.abs(found["noise"].astype(int) - images)
        assert moves[images == 255].max() >= 255 * epsilon - 0.5
        # f at that distance goes where f went, and no further.
        move = changed.astype(int) - images
        clipped = images + np.clip(move, -255 * epsilon, 255 * epsilon)
        assert np.abs(found["f"] - clipped).max() <= 1
    np.testing.assert_array_equal(found["f"], changed)


def test_attacks_by_gradients_do_more_than_noise_of_their_size() -> None:
    curves = attacked("amortised/recipe").curves
    # At 0.1.
    assert curves["pgd"][1] < curves["noise"][1]
    assert curves["fgsm"][1] < curves["noise"][1]
    assert curves["pgd"][2] <= curves["fgsm"][2]


def test_steps_of_pgd_are_a_share_of_the_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    pgd = image_attacks.pgd

    def spied(classifier: Any, images: Any, labels: Any, *given: Any, **more: Any) -> Any:
        calls.append((*given, more["start"]))
        return pgd(classifier, images, labels, *given, **more)

    monkeypatch.setattr(image_attacks, "pgd", spied)
    image_attacks.run(trial("amortised/recipe", steps_at_most=1), data())
    assert [one[:3] for one in calls] == [
        (0.0, 0.0, 3), (0.1, 2.5 * 0.1 / 3, 3), (0.3, 2.5 * 0.3 / 3, 3), (1.0, 2.5 / 3, 3),
    ]  # fmt: skip
    for epsilon, *_, start in calls:
        assert start.shape == (LADDER, 1, 28, 28)
        assert start.abs().max() <= epsilon
        # The same places of the ball at every distance.
        torch.testing.assert_close(start, epsilon * calls[-1][-1])
    assert calls[-1][-1].min() < -0.9
    assert calls[-1][-1].max() > 0.9


def test_the_generator_has_not_seen_what_judges_it() -> None:
    one, whole = trial("amortised/recipe", steps_at_most=3), data()
    expected = pack(image_attacks.run(one, whole), 0.0)
    # The split's rows decide, whatever lies in the file.
    shuffled = generator("test").permutation(TRAIN).astype(np.int32)
    other = whole | {"train": np.argsort(shuffled).astype(np.int32)}
    for kind in ("images", "labels"):
        other[f"train_{kind}"] = whole[f"train_{kind}"][shuffled]
    assert pack(image_attacks.run(one, other), 0.0) == expected
    # It learns from those images, and from nothing else of its file.
    dark = whole | {"train_images": whole["train_images"] // 2}
    assert pack(image_attacks.run(one, dark), 0.0) != expected
    more = whole | {
        f"train_{kind}": np.concatenate([whole[f"train_{kind}"], whole[f"test_{kind}"]])
        for kind in ("images", "labels")
    }
    assert pack(image_attacks.run(one, more), 0.0) == expected


def test_a_batch_is_at_most_all_images() -> None:
    content = changed(SECTION, "amortised.batch", 1000)
    protocol = validated(content, Protocol, "attack_mnist")
    result = image_attacks.run(trial("amortised/recipe", 0, protocol, steps_at_most=1), data())
    assert result.metrics["success"].n > 0

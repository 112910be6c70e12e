from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import pytest
import torch
from tiny_handwriting import (
    CORRUPTED,
    CORRUPTIONS,
    DIGITS,
    PAGES,
    SECTION,
    SEVERITIES,
    SOME,
    TEST,
    TRAIN,
    data,
    protocol,
    trial,
    with_emnist,
)
from wrong_sections import changed

from retrial.calibration import BINS, calibration_error, log_loss, reliability
from retrial.core.config import validated
from retrial.core.trial import Result
from retrial.nets.image_classifiers import restored, tensors
from retrial.running.store import pack
from retrial.studies import handwriting
from retrial.studies.handwriting import (
    Protocol,
    probabilities,
)


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    """One result of several arms, for the tests that only look at it."""
    return {arm: handwriting.run(trial(arm), data()) for arm in SOME}


@pytest.mark.parametrize("arm", SOME)
def test_a_result_holds_what_is_promised(arm: str, results: dict[str, Result]) -> None:
    result = results[arm]
    assert result.status == "ok"
    sizes = {
        f"{measure}_{domain}": count
        for measure in ("accuracy", "loss", "ece")
        for domain, count in (("mnist", TEST), ("moved", TEST), ("digits", DIGITS))
    }
    sizes |= {f"accuracy_{name}": SEVERITIES * CORRUPTED for name in CORRUPTIONS}
    sizes |= {f"accuracy_pages_{name}": DIGITS for name in PAGES}
    sizes |= {"accuracy_corrupted": CORRUPTED, "parameters": 0}
    assert {name: metric.n for name, metric in result.metrics.items()} == sizes
    assert set(result.curves) == {*CORRUPTIONS, "ece", "confidence"}
    assert {len(curve) for curve in result.curves.values()} == {SEVERITIES}
    arrays = result.arrays
    assert {name: (array.shape, array.dtype) for name, array in arrays.items()} == {
        "predictions": ((DIGITS,), np.dtype(np.uint8)),
        "correct": ((DIGITS,), np.dtype(np.uint8)),
        "confidence": ((DIGITS,), np.dtype(np.float32)),
        "correct_corrupted": ((CORRUPTED,), np.dtype(np.float32)),
        "reliability": ((3 + SEVERITIES, 3, BINS), np.dtype(np.float64)),
    }
    assert result.metrics["parameters"].value == sum(one.size for one in result.weights.values())


@pytest.mark.parametrize("arm", SOME)
def test_every_number_is_that_of_the_network_that_is_left(
    arm: str, results: dict[str, Result]
) -> None:
    result, found = results[arm], data()
    network = restored("plain", trial(arm).config["widths"], 1, 28, result.weights)
    numbers = {name: metric.value for name, metric in result.metrics.items()}
    for at, (domain, labels) in enumerate(
        (("test", "test"), ("moved", "test"), ("digits", "digits"))
    ):
        right = found[f"{labels}_labels"]
        given = probabilities(network, found[f"{domain}_images"])
        table, name = reliability(given, right), "mnist" if domain == "test" else domain
        assert numbers[f"accuracy_{name}"] == (given.argmax(axis=1) == right).mean()
        assert numbers[f"loss_{name}"] == log_loss(given, right)
        assert numbers[f"ece_{name}"] == calibration_error(table)
        np.testing.assert_array_equal(result.arrays["reliability"][at], np.stack(table))
    # The digits are the last one.
    arrays = result.arrays
    np.testing.assert_array_equal(arrays["predictions"], given.argmax(axis=1))
    np.testing.assert_array_equal(arrays["correct"], given.argmax(axis=1) == right)
    np.testing.assert_array_equal(arrays["confidence"], given.max(axis=1).astype(np.float32))
    for name in PAGES:
        given = probabilities(network, found[f"pages_{name}"])
        assert numbers[f"accuracy_pages_{name}"] == (given.argmax(axis=1) == right).mean()


@pytest.mark.parametrize("at_most", [None, 5])
def test_curves_are_by_severity(at_most: int | None) -> None:
    one, found = trial("report", corrupted_at_most=at_most), data()
    result, many = handwriting.run(one, found), at_most or CORRUPTED
    network = restored("plain", one.config["widths"], 1, 28, result.weights)
    right, numbers, shares, answers = found["test_labels"][:many], result.metrics, [], []
    for severity in range(SEVERITIES):
        given = {
            name: probabilities(network, found[f"corrupted_{name}"][severity, :many])
            for name in CORRUPTIONS
        }
        for name in CORRUPTIONS:
            answers.append(given[name].argmax(axis=1) == right)
            shares.append(answers[-1].mean())
            assert result.curves[name][severity] == shares[-1]
        together, labels = np.concatenate(list(given.values())), np.tile(right, len(CORRUPTIONS))
        table = reliability(together, labels)
        assert result.curves["ece"][severity] == pytest.approx(calibration_error(table))
        assert result.curves["confidence"][severity] == pytest.approx(together.max(axis=1).mean())
        drawn = result.arrays["reliability"][3 + severity]
        np.testing.assert_allclose(drawn, np.stack(table), atol=1e-12)
    for name in CORRUPTIONS:
        assert numbers[f"accuracy_{name}"].n == SEVERITIES * many
        assert numbers[f"accuracy_{name}"].value == pytest.approx(np.mean(result.curves[name]))
    by_image = result.arrays["correct_corrupted"]
    np.testing.assert_allclose(by_image, np.mean(answers, axis=0), rtol=1e-6)
    assert numbers["accuracy_corrupted"].n == many
    assert numbers["accuracy_corrupted"].value == pytest.approx(np.mean(shares))


def test_probabilities_are_those_of_a_network_that_drops_nothing() -> None:
    network = handwriting.build("plain", [2, 3], 1, 28, torch.Generator().manual_seed(1))
    # More than go through it at a time.
    pictures = np.tile(data()["test_images"], (20, 1, 1))
    found = probabilities(network, pictures)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert not network.training
    with torch.inference_mode():
        logits = network(torch.from_numpy(pictures[:, None] / np.float32(255)))
    np.testing.assert_allclose(found, logits.double().softmax(1).numpy(), rtol=1e-5)


def test_emnist_is_a_domain_where_it_is_there() -> None:
    result = handwriting.run(trial("report"), with_emnist())
    for measure in ("accuracy", "loss", "ece"):
        assert result.metrics[f"{measure}_emnist"].n == 11
    assert result.arrays["reliability"].shape == (4 + SEVERITIES, 3, BINS)
    assert len(result.arrays["predictions"]) == DIGITS


def test_the_network_learns() -> None:
    # 20 epochs of the digits themselves, which tell the classes apart.
    recipe = SECTION["recipe"] | {"epochs": 20, "batch": 8}
    stated = protocol(recipe=recipe, small=[6, 8])
    result = handwriting.run(trial("none", stated=stated), data())
    assert (result.metrics["accuracy_mnist"].value or 0) > 0.8
    assert (result.metrics["loss_mnist"].value or 9) < 1


def test_only_the_first_seed_leaves_its_weights(results: dict[str, Result]) -> None:
    assert results["report"].weights
    assert not handwriting.run(trial("report", 1), data()).weights


def test_the_same_trial_gives_the_same_bytes_after_any_other(results: dict[str, Result]) -> None:
    state = torch.get_rng_state()
    again = {arm: pack(handwriting.run(trial(arm), data()), 0.0) for arm in reversed(SOME)}
    assert again == {arm: pack(result, 0.0) for arm, result in results.items()}
    assert len(set(again.values())) == len(SOME)
    assert torch.equal(torch.get_rng_state(), state)
    other = handwriting.run(trial("report", 1), data())
    assert other.metrics["loss_mnist"] != results["report"].metrics["loss_mnist"]


def test_arms_of_a_seed_share_first_weights_orders_and_views(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first: dict[tuple[str, int], Any] = {}
    train = handwriting.train

    def spied(network: Any, examples: Any, *rest: Any) -> Any:
        place = next(at for at, one in enumerate(rest) if isinstance(one, Iterator))
        orders = [next(rest[place]) for _ in range(3)]
        examples.epoch()
        views = examples.batch(np.arange(len(examples))).clone()
        first[now] = {k: v.copy() for k, v in tensors(network).items()}, orders, views
        return train(
            network, examples, *rest[:place], chain(orders, rest[place]), *rest[place + 1 :]
        )

    monkeypatch.setattr(handwriting, "train", spied)
    small, large = ("none", "report", "all", "all/zoom"), ("large/none", "large/report")
    for now in [*((arm, 0) for arm in (*small, *large, "digits")), ("report", 1)]:
        handwriting.run(trial(*now), data())
    weights, orders, views = first["report", 0]
    for arm in (*small, "digits"):
        for name, one in first[arm, 0][0].items():
            np.testing.assert_array_equal(one, weights[name])
    for arm in (*small, *large):
        np.testing.assert_array_equal(first[arm, 0][1], orders)
    assert torch.equal(first["large/report", 0][2], views)
    assert not torch.equal(first["none", 0][2], views)
    # Of another seed everything is another.
    for name, one in first["report", 1][0].items():
        assert not one.any() or (one != weights[name]).any()
    others = [*orders, *first["report", 1][1]]
    assert len({one.tobytes() for one in others}) == 6
    assert all(sorted(one) == list(range(TRAIN)) for one in others)
    assert not torch.equal(first["report", 1][2], views)


def test_a_network_that_diverges_is_a_result() -> None:
    wild = changed(SECTION, "recipe.optimiser.learning_rate", 1e30)
    stated = validated(wild, Protocol, "handwriting")
    result = handwriting.run(trial("report", stated=stated), data())
    assert (result.status, result.decided) == ("diverged", False)
    assert set(result.detail) == {"epoch", "step", "tensor"}
    # No class has a probability: every image is given the first one, without any confidence.
    assert not result.arrays["predictions"].any()
    assert not result.arrays["confidence"].any()
    assert result.metrics["accuracy_mnist"].value == np.mean(data()["test_labels"] == 0)
    assert result.metrics["loss_digits"].value is None
    assert result.curves["confidence"] == [0] * SEVERITIES
    assert all(len(curve) == SEVERITIES for curve in result.curves.values())
    pack(result, 0.0)

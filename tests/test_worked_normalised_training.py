"""The small trainings with batch normalisation: gradients, statistics, shift, and the two tests."""

from pathlib import Path

import numpy as np
import pytest
import torch

from retrial.core import records
from retrial.core.records import Finished, Records
from retrial.core.trial import Metric, Result, Trial
from retrial.judging.ledger import Claim, Evidence
from retrial.judging.outcome import Outcome
from retrial.judging.statements.normalised import moves_less, regularises
from retrial.worked import normalised_training as study
from retrial.worked.normalised_training import EPSILON, Given, Network

GIVEN = Given(
    classes=3,
    centres=2,
    dimensions=4,
    spread=1.0,
    train=24,
    test=30,
    width=5,
    rates=(0.125, 0.5, 1e6),
    share=0.9,
    batch=12,
    steps=40,
    shift_rate=0.125,
    look_every=2,
    noise_batch=4,
    noise_steps=10,
    noise_rate=0.125,
    test_every=4,
)


def network(normalised: bool, chance: np.random.Generator) -> Network:
    """One network whose shifts and scales are not those of the start."""
    one = study.built(study.initial_weights(GIVEN, chance), normalised, 1)
    for parameter in (*one.shifts, *one.scales):
        parameter += 0.3 * chance.standard_normal(parameter.shape)
    return one


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("rows", [None, [1, 5, 6]])
def test_gradients_are_those_of_torch(normalised: bool, rows: list[int] | None) -> None:
    chance = np.random.default_rng(5)
    one = network(normalised, chance)
    x, y = chance.standard_normal((9, 4)), chance.integers(3, size=9)
    tensors = [torch.tensor(p[0], requires_grad=True) for p in one.parameters()]
    a = torch.tensor(x)
    for k in range(2):
        a = a @ tensors[k]
        if normalised:
            a = torch.nn.functional.batch_norm(
                a, None, None, tensors[6 + k][0], tensors[3 + k][0], training=True, eps=EPSILON
            )
        else:
            a = a + tensors[3 + k]
        a = torch.relu(a)
    chosen = list(range(9)) if rows is None else rows
    logits = (a @ tensors[2] + tensors[5])[chosen]
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(y)[chosen])
    found = study.gradients(one, x, y, None if rows is None else np.array(rows))
    for mine, theirs in zip(found, torch.autograd.grad(loss, tensors), strict=True):
        np.testing.assert_allclose(mine[0], theirs.numpy(), rtol=1e-9, atol=1e-12)
    own = study.cross_entropy(study.forward(one, x).logits[:, chosen], y[chosen])
    assert own[0] == pytest.approx(loss.item(), rel=1e-12)


def test_stacked_networks_train_as_they_do_alone() -> None:
    chance = np.random.default_rng(6)
    start = study.initial_weights(GIVEN, chance)
    x, y = chance.standard_normal((12, 4)), chance.integers(3, size=12)
    stacked = study.built(start, True, 2)
    for _ in range(3):
        study.descend(stacked, study.gradients(stacked, x, y), np.array([0.1, 0.4]))
    for place, rate in enumerate((0.1, 0.4)):
        alone = study.built(start, True, 1)
        for _ in range(3):
            study.descend(alone, study.gradients(alone, x, y), np.array([rate]))
        for many, one in zip(stacked.parameters(), alone.parameters(), strict=True):
            np.testing.assert_allclose(many[place], one[0], rtol=1e-9, atol=1e-13)


def test_statistics_of_another_set_are_used_as_they_are() -> None:
    chance = np.random.default_rng(7)
    one = network(True, chance)
    x = chance.standard_normal((9, 4))
    whole = study.forward(one, x)
    part = study.forward(one, x[:2], whole.statistics)
    np.testing.assert_allclose(part.logits, whole.logits[:, :2], rtol=1e-12)
    assert not np.allclose(study.forward(one, x[:2]).logits, part.logits)


def test_shift_of_a_known_change() -> None:
    before = np.random.default_rng(8).standard_normal((1, 50, 3))
    before = (before - before.mean(axis=1)) / before.std(axis=1)
    assert study.moved(before, before) == 0
    assert study.moved(before, before + 0.5) == pytest.approx(0.5)
    assert study.moved(10 * before, 10 * before + 5) == pytest.approx(0.5)
    # Mean and standard deviation of one unit of three change by 3 and 4.
    after = before.copy()
    after[..., 0] = 5 * after[..., 0] + 3
    assert study.moved(before, after) == pytest.approx(5 / np.sqrt(3))


def test_entropy_of_the_labels() -> None:
    assert study.entropy(np.array([0, 1, 2, 3]), 4) == pytest.approx(np.log(4))
    assert study.entropy(np.array([1, 1, 1]), 4) == 0


def test_batches_hold_every_example_once_an_epoch() -> None:
    rows = study.batch_order(10, 3, 5, np.random.default_rng(9))
    assert len(rows) == 5
    assert len(set(np.concatenate(rows[:3]).tolist())) == 9


def test_a_rate_that_diverges_does_not_serve_and_equal_seeds_give_equal_numbers() -> None:
    found = study.measure(GIVEN, np.random.default_rng(1))
    assert found == study.measure(GIVEN, np.random.default_rng(1))
    assert found["largest_rate_plain"] in (0.125, 0.5)
    for name in ("small_batch", "whole_set", "plain"):
        gap = found[f"test_loss_{name}"] - found[f"train_loss_{name}"]
        assert found[f"gap_{name}"] == pytest.approx(gap)
        assert found[f"best_test_loss_{name}"] <= found[f"test_loss_{name}"]


def test_small_batches_that_are_the_whole_set_have_no_noise() -> None:
    given = GIVEN.model_copy(update={"noise_batch": 24})
    found = study.measure(given, np.random.default_rng(2))
    assert found["test_loss_small_batch"] == pytest.approx(found["test_loss_whole_set"], rel=1e-9)


def judged(tmp_path: Path, test: object, metrics: dict[str, np.ndarray]) -> Outcome:
    thresholds: dict[str, float | int | str] = {"doublings": 0.1, "nats": 0.01}
    claim = Claim(
        id="c", report="009", family="toy", where="here", quote="q", statement="s",
        kind="statement", evidence=Evidence(arm="x", thresholds=thresholds),
    )  # fmt: skip
    seeds = range(len(next(iter(metrics.values()))))
    trials = [
        Finished(
            Trial("toy", "x", seed, {}),
            Result({name: Metric(float(values[seed]), 0) for name, values in metrics.items()}),
            str(seed),
        )
        for seed in seeds
    ]
    records.write(tmp_path, "toy", trials, [], {})
    return test(claim, Records.load(tmp_path))  # type: ignore[operator]


NOISE = np.random.default_rng(3).standard_normal(10)


@pytest.mark.parametrize(
    ("shift", "rate", "verdict"),
    [
        (2.0, 4.0, "reproduced"),
        (0.5, 4.0, "contradicted"),
        (2.0, 0.25, "contradicted"),
        (2.0, 1.0, "contradicted"),
    ],
)
def test_inputs_move_less_and_larger_rates_serve(
    tmp_path: Path, shift: float, rate: float, verdict: str
) -> None:
    one = np.ones(10)
    found = judged(
        tmp_path,
        moves_less,
        {
            "input_shift_plain": shift * 2 ** (0.1 * NOISE), "input_shift_batch_norm": one,
            "gradient_shift_plain": one, "gradient_shift_batch_norm": one,
            "largest_rate_plain": one, "largest_rate_batch_norm": rate * one,
        },
    )  # fmt: skip
    assert found.verdict == verdict
    assert found.measured == pytest.approx(np.log2(shift) + 0.1 * NOISE.mean())


@pytest.mark.parametrize(
    ("gap", "test_loss", "seeds", "verdict"),
    [
        (0.2, 0.2, 10, "reproduced"),
        (0.2, -0.2, 10, "contradicted"),
        (0.2, 0.02, 10, "inconclusive"),
        (0.2, 0.2, 2, "inconclusive"),
    ],
)
def test_noise_regularises_only_if_the_test_loss_falls_too(
    tmp_path: Path, gap: float, test_loss: float, seeds: int, verdict: str
) -> None:
    zero, noise = np.zeros(seeds), 0.05 * NOISE[:seeds]
    found = judged(
        tmp_path,
        regularises,
        {
            "gap_whole_set": gap + noise, "gap_small_batch": zero,
            "test_loss_whole_set": test_loss + noise, "test_loss_small_batch": zero,
            **{
                f"{name}_{of}": zero
                for name in ("train_loss", "best_test_loss", "test_accuracy")
                for of in ("whole_set", "small_batch")
            },
        },
    )  # fmt: skip
    assert found.verdict == verdict
    assert (found.seeds_needed is not None) == (verdict == "inconclusive" and seeds == 10)

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from retrial.nets import initialisers
from retrial.nets.dense import DenseNetwork
from retrial.training import sgd
from retrial.training.ladder import climb, descend, growing_steps, logits_of
from retrial.training.sgd import Labelled


def problem(examples: int = 23) -> Labelled:
    rng = np.random.default_rng(0)
    return Labelled(rng.normal(size=(examples, 5)).astype(np.float32), rng.integers(0, 3, examples))


def network() -> DenseNetwork:
    found = DenseNetwork((5, 4, 3), "relu", 10)
    initialisers.fill(found.weights, initialisers.he_normal, np.random.default_rng(1))
    return found


def orders(examples: int = 23) -> Iterator[np.ndarray]:
    chance = np.random.default_rng(2)
    while True:
        yield chance.permutation(examples)


def test_it_takes_the_steps_of_plain_sgd() -> None:
    examples, first, second = problem(), network(), network()
    # Three epochs of ⌈23/10⌉ steps.
    assert list(descend(first, examples, orders(), 10, 0.1, [2, 9])) == [2, 9]
    sgd.train(second, examples, {}, itertools.islice(orders(), 3), 10, 0.1)
    np.testing.assert_array_equal(first.parameters, second.parameters)


def test_each_rate_begins_at_the_same_parameters() -> None:
    examples = problem()
    ladder, found = network(), []
    for steps in climb(ladder, examples, orders, 10, [0.3, 0.1], [4]):
        assert list(steps) == [4]
        found.append(ladder.parameters.copy())
    for rate, parameters in zip((0.3, 0.1), found, strict=True):
        alone = network()
        list(descend(alone, examples, orders(), 10, rate, [4]))
        np.testing.assert_array_equal(alone.parameters, parameters)
    assert not np.array_equal(*found)


def test_a_rate_may_be_left_before_its_end() -> None:
    climbed = climb(network(), problem(), orders, 10, [0.1, 0.2], [1, 2, 3])
    assert next(next(climbed)) == 1
    assert list(next(climbed)) == [1, 2, 3]


def test_a_loss_that_is_no_number_ends_it() -> None:
    examples = problem()
    examples.inputs[:] = 1e30
    reached = list(descend(network(), examples, orders(), 10, 1e30, [1, 2, 50]))
    assert reached in ([], [1], [1, 2])


def test_logits_in_chunks_are_those_of_one_call() -> None:
    one, examples = network(), problem(10)
    np.testing.assert_array_equal(logits_of(one, examples.inputs), one.forward(examples.inputs))
    assert logits_of(one, problem(23).inputs).shape == (23, 3)


@pytest.mark.parametrize(
    ("last", "growth", "steps"),
    [(1, 1.1, [1]), (5, 1.1, [1, 2, 3, 4, 5]), (10, 2.0, [1, 2, 4, 8, 10])],
)
def test_steps_grow_to_the_last(last: int, growth: float, steps: list[int]) -> None:
    assert growing_steps(last, growth) == steps


def test_many_steps_are_looked_at_seldom() -> None:
    steps = growing_steps(600, 1.1)
    assert steps[0] == 1
    assert steps[-1] == 600
    assert len(steps) < 60
    assert all(b <= max(a + 1, 1.2 * a) for a, b in itertools.pairwise(steps))

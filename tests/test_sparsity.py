"""Scores, masks, masked training and encodings, beside values by hand and torch's gradients."""

import itertools
import re

import numpy as np
import pytest
import torch

from retrial.core.errors import RetrialError
from retrial.nets import sparsity
from retrial.nets.dense import DenseNetwork
from retrial.nets.initialisers import fill, he_normal
from retrial.nets.sparsity import (
    MaskedNetwork,
    Paths,
    dense_bytes,
    emptied,
    encoded,
    magnitudes,
    on_paths,
    prune,
    saliencies,
    sensitivities,
    sparse_bytes,
)
from retrial.training.sgd import Labelled, train

SIZES = (6, 5, 4, 3)


def drawn(kind=DenseNetwork, dtype=np.float64, batch=4, images=10):
    """A network with drawn weights, and examples for it that take several batches."""
    rng = np.random.default_rng(1)
    network = kind(SIZES, "relu", batch, dtype)
    fill(network.weights, he_normal, rng)
    inputs = rng.standard_normal((images, SIZES[0])).astype(dtype)
    return network, Labelled(inputs, rng.integers(0, SIZES[-1], images))


def test_magnitudes_and_saliencies_by_hand() -> None:
    weights = [np.array([[1.0, -2.0]], np.float32)]
    assert magnitudes(weights)[0].tolist() == [[1, 2]]
    assert saliencies(weights, [np.array([[3.0, 0.5]])])[0].tolist() == [[1.5, 1.0]]


def test_sensitivities_are_means_of_each_example_s() -> None:
    network, examples = drawn()
    found = sensitivities(network, examples)
    weights = [torch.tensor(weight, requires_grad=True) for weight in network.weights]
    sums = [np.zeros(weight.shape) for weight in network.weights]
    for x, label in zip(torch.tensor(examples.inputs), torch.tensor(examples.labels), strict=True):
        hidden = torch.relu(torch.relu(x @ weights[0]) @ weights[1]) @ weights[2]
        loss = torch.nn.functional.cross_entropy(hidden[None], label[None])
        for total, gradient in zip(sums, torch.autograd.grad(loss, weights), strict=True):
            total += np.abs(gradient.numpy())
    for one, total, weight in zip(found, sums, network.weights, strict=True):
        np.testing.assert_allclose(one, total / 10 * np.abs(weight), rtol=1e-10)
        assert one.max() > 0


SCORES = [np.array([[5.0, 1.0], [4.0, 8.0]]), np.array([[2.0], [3.0]])]


@pytest.mark.parametrize(
    ("share", "scope", "left"),
    [
        (0.0, "global", [[1, 1, 1, 1], [1, 1]]),
        # The two lowest of all six are 1 and 2; the three lowest 1, 2 and 3, a whole layer.
        (1 / 3, "global", [[1, 0, 1, 1], [0, 1]]),
        (0.5, "global", [[1, 0, 1, 1], [0, 0]]),
        # Half of each layer.
        (0.5, "layer", [[1, 0, 0, 1], [0, 1]]),
    ],
)
def test_the_lowest_scores_go(share, scope, left) -> None:
    masks = prune(SCORES, share, scope)
    assert [mask.ravel().astype(int).tolist() for mask in masks] == left
    assert [mask.shape for mask in masks] == [(2, 2), (2, 1)]


def test_of_equal_scores_the_earlier_go() -> None:
    masks = prune([np.zeros((2, 2)), np.zeros((2, 2))], 0.375, "global")
    assert [mask.ravel().astype(int).tolist() for mask in masks] == [[0, 0, 0, 1], [1, 1, 1, 1]]


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_what_has_gone_stays_away_and_counts(scope) -> None:
    rng = np.random.default_rng(0)
    masks = prune([rng.random((4, 5)), rng.random((5, 4))], 0.5, scope)
    # New scores, highest where weights have gone.
    scores = [np.where(mask, rng.random(mask.shape), 9.0) for mask in masks]
    further = prune(scores, 0.75, scope, masks)
    assert sum(int(mask.sum()) for mask in further) == 10
    assert all((~after | before).all() for before, after in zip(masks, further, strict=True))
    if scope == "layer":
        assert [int(mask.sum()) for mask in further] == [5, 5]


@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize(
    ("share", "said"),
    [
        (1.0, "sparsity 1.0: expected at least 0 and below 1"),
        (-0.1, "sparsity -0.1: expected at least 0 and below 1"),
        (float("nan"), "sparsity nan: expected at least 0 and below 1"),
        (0.8, "sparsity 0.8: layer 2 keeps none of its 2 weights"),
    ],
)
def test_a_sparsity_that_cannot_be_is_one_line(share, said, scope) -> None:
    with pytest.raises(RetrialError, match=f"^{re.escape(said)}$"):
        prune(SCORES, share, scope)


def test_which_layer_would_keep_none() -> None:
    assert emptied([100, 10], 0.94) == ""
    assert emptied([100, 10], 0.96) == "layer 2 keeps none of its 10 weights"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_one_line(value) -> None:
    said = "scores of layer 2: 1 of 2 are nan or infinite, expected finite numbers"
    with pytest.raises(RetrialError, match=f"^{said}$"):
        prune([SCORES[0], np.array([[value], [1.0]])], 0.5, "global")


def test_removed_weights_stay_at_zero_while_the_others_learn() -> None:
    network, examples = drawn(MaskedNetwork, np.float32)
    masks = prune(magnitudes(network.weights), 0.5, "layer")
    network.keep(masks)
    before = [weight.copy() for weight in network.weights]
    train(network, examples, {}, [np.arange(10)], 4, 0.1)
    for weight, was, mask in zip(network.weights, before, masks, strict=True):
        assert (weight[~mask] == 0).all()
        assert (was[mask] != 0).all()
        assert (weight != was)[mask].any()
    assert all(bias.any() for bias in network.biases)


def test_with_all_its_weights_it_learns_as_any_dense_network() -> None:
    masked, examples = drawn(MaskedNetwork, np.float32)
    plain, _ = drawn(DenseNetwork, np.float32)
    for network in (masked, plain):
        train(network, examples, {}, [np.arange(10)], 4, 0.1)
    assert masked.parameters.tobytes() == plain.parameters.tobytes()
    masked.keep([np.ones(weight.shape, np.bool_) for weight in masked.weights])
    assert masked.parameters.tobytes() == plain.parameters.tobytes()


def test_paths_by_hand() -> None:
    first = np.array([[1, 0, 1, 0], [0, 0, 1, 0]], bool)
    second = np.array([[1, 0], [1, 0], [0, 0], [0, 0]], bool)
    # Neuron 1 has input and output; 2 has no input, 3 no output, 4 neither.
    assert on_paths([first, second]) == Paths(multiply_adds=2, cut_off=3)
    assert on_paths([np.ones((2, 4), bool), np.ones((4, 2), bool)]) == Paths(16, 0)


def test_a_gap_in_one_layer_cuts_off_what_leads_to_it() -> None:
    masks = [np.ones((3, 2), bool), np.zeros((2, 2), bool), np.ones((2, 2), bool)]
    assert on_paths(masks) == Paths(multiply_adds=0, cut_off=4)


def decoded(code: bytes, shape: tuple[int, int]) -> np.ndarray:
    """A matrix from its encoding, as the docstring of `encoded` has it."""
    kind, content, size = code[0], code[1:], shape[0] * shape[1]
    flat = np.zeros(size, "<f4")
    if kind == 0:
        return np.frombuffer(content, "<f4").reshape(shape)
    if kind == 1:
        bits, values = content[: -(-size // 8)], content[-(-size // 8) :]
        there = np.unpackbits(np.frombuffer(bits, np.uint8), count=size).astype(bool)
        flat[there] = np.frombuffer(values, "<f4")
        return flat.reshape(shape)
    if kind == 2:
        count = len(content) // 6
        gaps = np.frombuffer(content[: 2 * count], "<u2").astype(int)
        place = -1
        for gap, value in zip(gaps, np.frombuffer(content[2 * count :], "<f4"), strict=True):
            place += gap + 1
            flat[place] = value
        return flat.reshape(shape)
    ends = np.frombuffer(content[: 4 * shape[0]], "<u4").astype(int)
    rest, matrix = content[4 * shape[0] :], flat.reshape(shape)
    columns = np.frombuffer(rest[: 2 * ends[-1]], "<u2")
    values = np.frombuffer(rest[2 * ends[-1] :], "<f4")
    for row, (start, end) in enumerate(itertools.pairwise([0, *ends])):
        matrix[row, columns[start:end]] = values[start:end]
    return matrix


@pytest.mark.parametrize(
    ("share", "kind", "expected"),
    [
        (1.0, 0, 1 + 4 * 6000),
        (0.5, 1, 1 + 750 + 4 * 3000),
        # A bit of each of 6,000 are 750 bytes, and two bytes a value are less below 375.
        (0.01, 2, 1 + 6 * 60),
    ],
)
def test_the_shortest_encoding_gives_the_matrix_back(share, kind, expected) -> None:
    rng = np.random.default_rng(2)
    weight = np.zeros((60, 100), np.float32)
    there = rng.permutation(6000)[: round(share * 6000)]
    weight.flat[there] = rng.standard_normal(len(there))
    code = encoded(weight)
    assert (code[0], len(code)) == (kind, expected)
    np.testing.assert_array_equal(decoded(code, weight.shape), weight)


@pytest.mark.parametrize(
    ("kind", "encoding"),
    list(enumerate((sparsity._all, sparsity._bitmap, sparsity._gaps, sparsity._rows))),
)
def test_each_encoding_gives_the_matrix_back(kind, encoding) -> None:
    weight = np.zeros((3, 50_000), np.float32)
    # The last has 49,999 zeros before it, the one before 99,998: more than 16 bits count.
    weight[0, 0], weight[1, 49_999], weight[2, 49_999] = 1.5, -2.5, 3.5
    code = bytes([kind]) + encoding(weight)
    np.testing.assert_array_equal(decoded(code, weight.shape), weight)
    # One filler for the long gap, then three values: six bytes each.
    assert len(encoded(weight)) == 1 + 6 * 4


def test_an_empty_matrix_takes_a_byte() -> None:
    weight = np.zeros((4, 3), np.float32)
    assert encoded(weight) == b"\x02"
    np.testing.assert_array_equal(decoded(encoded(weight), weight.shape), weight)


def test_sizes_of_a_network_by_hand() -> None:
    network = MaskedNetwork((4, 2, 2), "relu", 4)
    for weight in network.weights:
        weight[...] = 1
    # 8 + 4 weights and 2 + 2 biases; a byte more for each layer where nothing is left out.
    assert dense_bytes(network) == 64
    assert sparse_bytes(network) == 66
    network.keep([np.eye(4, 2, dtype=bool), np.ones((2, 2), bool)])
    # One byte of bits and two values in the first layer.
    assert sparse_bytes(network) == 16 + (1 + 1 + 8) + 17

import math
import re

import numpy as np
import pytest
import torch
from torch import nn

from retrial.nets.image_classifiers import (
    CLASSES,
    HIDDEN,
    PATCH,
    RIDGE,
    SCALE,
    Dropout,
    Whitened,
    build,
    restored,
    tensors,
)
from retrial.training.augmented import as_tensor

WIDTHS = {"plain": (4, 6), "pooled": (4, 6, 6, 8), "whitened": (4, 6, 8)}
NAMES = sorted(WIDTHS)
SHAPES = [(1, 28), (3, 32)]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int, side: int = 32, channels: int = 3, seed: int = 0) -> np.ndarray:
    """uint8 images whose neighbours are alike, of another mean and contrast in each channel."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 200, (count, side // 2 + 1, side // 2 + 1, channels))
    smooth = np.kron(coarse, np.ones((1, 2, 2, 1)))[:, 1 : side + 1, :side]
    fine = smooth + rng.integers(0, 40, smooth.shape)
    return (fine / (1 + np.arange(channels)) + 10 * np.arange(channels)).astype(np.uint8)


def built(name: str, channels: int = 3, side: int = 32, seed: int = 0) -> nn.Module:
    images = pictures(20, side, channels) if name == "whitened" else None
    return build(name, WIDTHS[name], channels, side, seeded(seed), images)


def trained_a_little(name: str, channels: int = 3, side: int = 32) -> nn.Module:
    """A network whose weights, biases and running statistics are none of the first ones."""
    network = built(name, channels, side).train()
    optimiser = torch.optim.SGD(network.parameters(), 0.1)
    x, targets = as_tensor(pictures(20, side, channels)), torch.arange(20) % CLASSES
    for _ in range(2):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(x), targets).backward()
        optimiser.step()
    return network.eval()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("channels", "side"), SHAPES)
def test_ten_logits_an_image(name: str, channels: int, side: int) -> None:
    network = built(name, channels, side).eval()
    x = as_tensor(pictures(3, side, channels))
    logits = network(x)
    assert logits.shape == (3, CLASSES)
    assert logits.dtype == torch.float32
    # Each image is seen by itself, and images of other content have other logits.
    torch.testing.assert_close(network(x[1:2])[0], logits[1])
    assert not torch.allclose(logits[0], logits[1], atol=1e-6)
    # The image is left as it was; ReLU works in place.
    assert torch.equal(x, as_tensor(pictures(3, side, channels)))


def test_sizes_by_hand() -> None:
    # 28 -> 26 -> 13 -> 11 -> 5.
    plain = built("plain", 1, 28)
    count = sum(weight.numel() for weight in plain.parameters())
    assert count == (9 * 4 + 4) + (9 * 4 * 6 + 6) + (6 * 25 * HIDDEN + HIDDEN) + 10 * (HIDDEN + 1)
    # Convolutions without bias, scale and shift of batch normalisation, one dense layer.
    pooled = built("pooled", 1, 28)
    assert sum(weight.numel() for weight in pooled.parameters()) == (
        9 * (1 * 4 + 4 * 6 + 6 * 6 + 6 * 8) + 2 * (4 + 6 + 6 + 8) + 10 * 9
    )
    # 24 directions of 2 × 2 × 3 patches, of which only the shifts are trained.
    whitened = built("whitened")
    assert sum(weight.numel() for weight in whitened.parameters()) == (
        24 + 9 * (24 * 4 + 4 * 4 + 4 * 6 + 6 * 6 + 6 * 8 + 8 * 8) + 4 * (4 + 6 + 8) + 10 * 8
    )


@pytest.mark.parametrize("name", NAMES)
def test_weights_follow_the_generator_alone(name: str) -> None:
    state = torch.get_rng_state()
    one, same, other = (tensors(built(name, seed=seed)) for seed in (7, 7, 8))
    assert torch.equal(torch.get_rng_state(), state)
    drawn = [key for key in one if not np.array_equal(one[key], other[key])]
    assert all(np.array_equal(one[key], same[key]) for key in one)
    # Every convolution and every dense layer, and nothing else.
    layers = [
        f"{place}.weight"
        for place, layer in built(name).named_modules()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    assert sorted(drawn) == sorted(layers)


@pytest.mark.parametrize("name", NAMES)
def test_first_weights_are_uniform_within_the_root_of_the_fan_in(name: str) -> None:
    for layer in built(name).modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            bound = 1 / math.sqrt(layer.weight[0].numel())
            assert 0.9 * bound < layer.weight.abs().max().item() <= bound
            assert abs(layer.weight.mean().item()) < 0.25 * bound
            if layer.bias is not None:
                assert not layer.bias.any()


@pytest.mark.parametrize("name", NAMES)
def test_maps_lie_with_their_channels_last(name: str) -> None:
    for tensor in built(name).state_dict().values():
        if tensor.ndim == 4:
            assert tensor.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("shape", [(40, 500), (10, 4, 20, 25)])
def test_dropout_keeps_the_mean_and_works_in_training_only(shape: tuple[int, ...]) -> None:
    layer, x = Dropout(0.25, seeded(3)), torch.full(shape, 3.0)
    state = torch.get_rng_state()
    dropped = layer(x)
    assert torch.equal(torch.get_rng_state(), state)
    assert sorted(set(dropped.flatten().tolist())) == [0.0, 4.0]
    # 20,000 draws: a standard error of 0.003 of the share that is dropped.
    assert (dropped == 0).float().mean().item() == pytest.approx(0.25, abs=0.015)
    assert dropped.mean().item() == pytest.approx(3.0, abs=0.06)
    # Draws follow the layer's generator, and go on from call to call.
    assert torch.equal(Dropout(0.25, seeded(3))(x), dropped)
    assert not torch.equal(layer(x), dropped)
    assert layer.eval()(x) is x


def test_dropout_does_not_depend_on_how_maps_lie_in_memory() -> None:
    x = torch.rand(5, 4, 6, 6, generator=seeded(1))
    one = Dropout(0.5, seeded(2))(x)
    other = Dropout(0.5, seeded(2))(x.contiguous(memory_format=torch.channels_last))
    assert torch.equal(one, other)
    assert other.is_contiguous(memory_format=torch.channels_last)


def test_only_the_plain_network_drops_units() -> None:
    x = as_tensor(pictures(4))
    for name in NAMES:
        network = built(name).train()
        assert torch.equal(network(x), network(x)) == (name != "plain")
        assert torch.equal(network.eval()(x), network(x))


def prepared(images: np.ndarray) -> Whitened:
    network = build("whitened", WIDTHS["whitened"], images.shape[-1], 32, seeded(0), images)
    assert isinstance(network, Whitened)
    return network


def test_channels_are_standardised() -> None:
    images = pictures(60)
    network = prepared(images)
    standard = (as_tensor(images) - network.mean) / network.deviation
    assert standard.mean((0, 2, 3)).abs().max().item() < 1e-3
    torch.testing.assert_close(standard.std((0, 2, 3)), torch.ones(3), atol=1e-3, rtol=0)
    # Channels have means of their own.
    assert network.mean.flatten().unique().numel() == 3


def test_patches_are_white() -> None:
    images = pictures(200)
    network = prepared(images)
    standard = (as_tensor(images) - network.mean) / network.deviation
    along = nn.functional.conv2d(standard, network.directions).double()
    count = network.directions.shape[1] * PATCH**2
    rows = along.permute(0, 2, 3, 1).flatten(0, 2)[:, :count]
    covariance = (rows.T @ rows / len(rows)).numpy()
    # v / (v + RIDGE) on the diagonal; of these patches all v are above 0.01.
    away = covariance - np.eye(count)
    assert np.abs(away - np.diag(np.diag(away))).max() < 2e-3
    assert np.diag(away).max() < 2e-3
    assert np.diag(away).min() > -RIDGE / (0.01 + RIDGE)
    # Before, they were not.
    patches = nn.functional.unfold(standard, PATCH).transpose(1, 2).flatten(0, 1).double()
    before = (patches.T @ patches / len(patches)).numpy()
    assert np.abs(before - np.eye(count)).max() > 0.3


def test_each_direction_comes_with_its_opposite_and_a_sign_that_is_settled() -> None:
    directions = prepared(pictures(50)).directions
    half = len(directions) // 2
    assert len(directions) == 2 * 3 * PATCH**2
    assert torch.equal(directions[:half], -directions[half:])
    flat = directions[:half].flatten(1)
    assert (flat.gather(1, flat.abs().argmax(1, keepdim=True)) > 0).all()
    # Rounded where machines still agree.
    values = directions.double().numpy()
    np.testing.assert_allclose(values, np.round(values, 4), rtol=0, atol=1e-6)


def test_directions_are_not_trained_and_the_same_whatever_the_generator() -> None:
    network = trained_a_little("whitened")
    assert {name for name, _ in network.named_buffers() if "." not in name} == {
        "mean", "deviation", "directions",
    }  # fmt: skip
    fresh = built("whitened", seed=9)
    assert torch.equal(network.directions, fresh.directions)
    assert network.shift.abs().max() > 0
    assert not fresh.shift.any()


def test_logits_of_a_whitened_network_are_scaled() -> None:
    network, x = built("whitened").eval(), as_tensor(pictures(3))
    logits = network(x)
    with torch.no_grad():
        network.output.weight.fill_(1 / 8)
    # Then each logit is SCALE times the mean of the eight maxima, so all ten are equal.
    maxima = []
    network.output.register_forward_hook(lambda _layer, given, _made: maxima.append(given[0]))
    equal = network(x)
    torch.testing.assert_close(equal, SCALE * maxima[0].mean(1, keepdim=True).expand(-1, 10))
    assert not torch.allclose(logits, equal)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("channels", "side"), SHAPES)
def test_restored_weights_give_the_same_logits_to_the_bit(
    name: str, channels: int, side: int
) -> None:
    network = trained_a_little(name, channels, side)
    x = as_tensor(pictures(5, side, channels, seed=4))
    state = torch.get_rng_state()
    again = restored(name, WIDTHS[name], channels, side, tensors(network))
    assert torch.equal(torch.get_rng_state(), state)
    assert not again.training
    assert torch.equal(again(x), network(x))
    # Not only because all networks of these widths are alike.
    assert not torch.equal(built(name, channels, side).eval()(x), network(x))


def test_restored_weights_are_copies() -> None:
    found = tensors(trained_a_little("plain"))
    x = as_tensor(pictures(2))
    network = restored("plain", WIDTHS["plain"], 3, 32, found)
    before = network(x)
    for array in found.values():
        array[...] = 0
    assert torch.equal(network(x), before)


def test_weights_of_other_widths_are_refused_in_one_line() -> None:
    found = tensors(built("plain"))
    message = (
        "weights of another architecture: convolutions.0.bias has shape (4,), "
        "expected (5,) for plain of widths (5, 6)"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        restored("plain", (5, 6), 3, 32, found)


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^weights of another architecture: blocks\.0\.[^\n]*$"):
        restored("plain", WIDTHS["plain"], 3, 32, tensors(built("pooled")))


def test_weights_for_images_of_another_size_are_refused() -> None:
    found = tensors(built("plain", 1, 28))
    for channels, side, key in ((3, 28, "convolutions.0.weight"), (1, 32, "hidden.weight")):
        with pytest.raises(ValueError, match=re.escape(f"architecture: {key} has shape")):
            restored("plain", WIDTHS["plain"], channels, side, found)


def test_a_missing_key_and_one_too_many_are_named() -> None:
    found = tensors(built("plain"))
    lacking = {key: one for key, one in found.items() if key != "output.bias"}
    message = "output.bias has shape None, expected (10,) for plain of widths (4, 6)"
    with pytest.raises(ValueError, match=f"^weights of another architecture: {re.escape(message)}"):
        restored("plain", WIDTHS["plain"], 3, 32, lacking)
    more = found | {"third": np.zeros(2)}
    with pytest.raises(ValueError, match=re.escape("third has shape (2,), expected None")):
        restored("plain", WIDTHS["plain"], 3, 32, more)
    with pytest.raises(ValueError, match=r"^weights of another architecture: "):
        restored("plain", WIDTHS["plain"], 3, 32, {})


@pytest.mark.parametrize("side", [28, 32])
def test_widths_that_leave_nothing_of_an_image_are_refused(side: int) -> None:
    # 28 -> 13 -> 5 -> 1 and 32 -> 15 -> 6 -> 2: three fit, a fourth does not.
    fitting = build("plain", (2, 2, 2), 1, side, seeded(0)).eval()
    assert fitting(torch.zeros(1, 1, side, side)).shape == (1, CLASSES)
    message = "widths (2, 2, 2, 2): expected fewer, nothing is left of an image"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        build("plain", (2, 2, 2, 2), 1, side, seeded(0))

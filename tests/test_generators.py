import copy
import itertools
import re

import pytest
import torch
from torch import Tensor, nn

from retrial.adversarial.generators import (
    Generator,
    Recipe,
    amortise,
    fool,
    other_classes,
    per_image,
    reconstruct,
)
from retrial.adversarial.gradient_attacks import from_bytes, judged, to_bytes
from retrial.core.config import validated
from retrial.core.errors import RetrialError

SIDE = 8
RECIPE = {
    "channels": [8, 8],
    "learning_rate": 0.01,
    "reconstruction": {"error": 0.001, "steps": 400},
    "fooling": {"confidence": 0.8, "steps": 400, "distance": 1.0},
}


def recipe(**changes) -> Recipe:
    """The recipe above with some values changed; those of a step by a mapping."""
    merged = {
        key: value | changes.get(key, {}) if isinstance(value, dict) else changes.get(key, value)
        for key, value in RECIPE.items()
    }
    return validated(merged, Recipe, "recipe")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def classifier() -> nn.Module:
    """A convolutional classifier with batch normalisation and dropout, in training mode."""
    network = nn.Sequential(
        nn.BatchNorm2d(1), nn.Conv2d(1, 12, 3), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(),
        nn.Linear(12 * (SIDE - 2) ** 2, 10),
    )  # fmt: skip
    network[0].running_mean.fill_(0.5)
    network[0].running_var.fill_(0.1)
    with torch.no_grad():
        for layer in (network[1], network[-1]):
            layer.weight.normal_(0.0, layer.weight[0].numel() ** -0.5, generator=seeded(3))
            layer.bias.zero_()
    return network


def state(network: nn.Module) -> list[bytes]:
    return [one.numpy().tobytes() for one in network.state_dict().values()]


def pictures(count: int = 1, seed: int = 1) -> Tensor:
    """Images with a blank margin, as they would be stored."""
    images = torch.rand(count, 1, SIDE, SIDE, generator=seeded(seed))
    images[..., :2] = 0
    return from_bytes(to_bytes(images))


def target(*classes: int) -> Tensor:
    return torch.tensor(classes)


def identity(factor: float) -> Generator:
    """A generator of one layer that returns `factor` times its input, clipped."""
    f = Generator(1, [], seeded())
    with torch.no_grad():
        f.layers[0].weight.zero_()
        f.layers[0].weight[0, 0, 1, 1] = factor
    return f


@pytest.mark.parametrize(
    ("factor", "value", "brighter", "darker"),
    [(0.5, 0.25, True, True), (3.0, 1.0, False, True), (-1.0, 0.0, True, False)],
)
def test_a_clipped_pixel_has_a_gradient_only_back_into_the_range(factor, value, brighter, darker):
    x = torch.full((1, 1, 1, 1), 0.5)
    for sign, passes in ((-1, brighter), (1, darker)):
        f = identity(factor)
        output = f(x)
        assert output.item() == value
        # Descent on minus the output makes it brighter.
        (sign * output.sum()).backward()
        assert f.layers[0].weight.grad[0, 0, 1, 1].item() == (sign * 0.5 if passes else 0)


def test_the_output_has_the_size_and_range_of_the_input_and_blank_stays_blank():
    f = Generator(3, [5, 7], seeded())
    assert [tuple(layer.weight.shape) for layer in f.layers] == [
        (5, 3, 3, 3),
        (7, 5, 3, 3),
        (3, 7, 3, 3),
    ]
    x = torch.rand(4, 3, 9, 11, generator=seeded(1)) * 3
    output = f(x)
    assert output.shape == x.shape
    assert output.min() == 0
    assert output.max() == 1
    assert not f(torch.zeros(1, 3, 9, 11)).any()


def test_weights_follow_the_generator_alone():
    before = torch.get_rng_state()
    one, same, other = (Generator(16, [40], seeded(seed)) for seed in (7, 7, 8))
    assert torch.equal(torch.get_rng_state(), before)
    assert state(one) == state(same) != state(other)
    for layer, fan_in in zip(one.layers, (16 * 9, 40 * 9), strict=True):
        assert layer.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.05)
        assert layer.weight.is_contiguous(memory_format=torch.channels_last)


def test_only_a_conditional_generator_looks_at_targets():
    x = pictures(2)
    plain, conditional = Generator(1, [8], seeded()), Generator(1, [8], seeded(), classes=10)
    assert torch.equal(plain(x, target(1, 2)), plain(x))
    assert conditional(x, target(1, 2)).shape == x.shape
    first, second = conditional(x, target(1, 2)), conditional(x, target(1, 3))
    assert torch.equal(first[0], second[0])
    assert not torch.equal(first[1], second[1])
    with pytest.raises(ValueError, match="no targets for a conditional generator: expected one"):
        conditional(x)


def test_step_one_ends_at_the_stated_error():
    x, f = pictures(), Generator(1, [8, 8], seeded())
    found = reconstruct(f, x, recipe())
    assert 0 < found.steps < 400
    assert 0.0005 < found.error <= 0.001
    assert ((f(x) - x) ** 2).mean().item() == pytest.approx(found.error)
    # Nothing is left to learn.
    before = state(f)
    assert reconstruct(f, x, recipe()) == (0, found.error)
    assert state(f) == before
    assert reconstruct(identity(1.0), x, recipe()) == (0, 0.0)


def test_step_one_ends_at_the_stated_steps():
    x, f = pictures(), Generator(1, [8, 8], seeded())
    found = reconstruct(f, x, recipe(reconstruction={"steps": 3}))
    assert found.steps == 3
    assert found.error > 0.001
    assert ((f(x) - x) ** 2).mean().item() == pytest.approx(found.error)


def test_a_conditional_generator_learns_to_return_images_for_any_target():
    x, f = pictures(10), Generator(1, [8, 8], seeded(), classes=10)
    found = reconstruct(f, x, recipe(reconstruction={"error": 0.01}), torch.arange(10))
    assert found.error <= 0.01


@pytest.mark.parametrize("confidence", [0.3, 0.8])
def test_step_two_ends_once_the_stored_image_has_the_stated_confidence(confidence):
    network, x, f = classifier(), pictures(), Generator(1, [8, 8], seeded())
    reconstruct(f, x, recipe())
    before = judged(network, to_bytes(f(x)))
    aim = int(before.confidences.argmin())
    found = fool(f, network, x, target(aim), recipe(fooling={"confidence": confidence}))
    assert found.reached
    assert 0 < found.steps < 400
    assert torch.equal(found.images, f(x))
    assert not found.images.requires_grad
    after = judged(network, to_bytes(found.images))
    assert confidence <= after.confidences[0, aim] < 1
    if confidence > 0.5:
        assert after.classes.tolist() == [aim]


def test_the_rounded_image_counts_and_not_f_s_own():
    class Threshold(nn.Module):
        """Class 1, with a softmax of nearly 1, for a mean above 0.2505 grey levels."""

        def forward(self, x: Tensor) -> Tensor:
            excess = (x.mean(dim=(1, 2, 3)) * 255 - 0.2505) * 1e5
            return torch.stack([torch.zeros_like(excess), excess], dim=1)

    # 0.3 grey levels become none by rounding.
    x = torch.full((1, 1, SIDE, SIDE), 0.3 / 255)
    found = fool(identity(1.0), Threshold(), x, target(1), recipe(fooling={"steps": 1}))
    assert not found.reached
    x = torch.full((1, 1, SIDE, SIDE), 0.6 / 255)
    assert fool(identity(1.0), Threshold(), x, target(1), recipe()).reached


def test_step_two_that_does_not_reach_its_target_says_so():
    network, x, f = classifier(), pictures(), Generator(1, [8, 8], seeded())
    aim = int(judged(network, to_bytes(x)).confidences.argmin())
    found = fool(f, network, x, target(aim), recipe(fooling={"steps": 2}))
    assert (found.steps, found.reached) == (2, False)
    assert torch.equal(found.images, f(x))


def test_several_images_are_reached_only_together():
    network, x, f = classifier(), pictures(2), Generator(1, [8, 8], seeded())
    reconstruct(f, x, recipe())
    confidences = torch.from_numpy(judged(network, to_bytes(f(x))).confidences)
    likely, unlikely = confidences.argmax(dim=1), confidences.argmin(dim=1)
    stop = recipe(fooling={"confidence": 0.15, "steps": 1})
    assert fool(copy.deepcopy(f), network, x, likely, stop)[1:] == (0, True)
    for mixed in (target(likely[0], unlikely[1]), target(unlikely[0], likely[1])):
        assert fool(copy.deepcopy(f), network, x, mixed, stop)[1:] == (1, False)


def test_a_heavier_distance_keeps_f_nearer():
    network, x = classifier(), pictures()
    aim = int(judged(network, to_bytes(x)).confidences.argmin())
    distances = []
    for weight in (1.0, 1000.0):
        f = Generator(1, [8, 8], seeded())
        reconstruct(f, x, recipe())
        # The confidence is beyond reach, so that both take all steps.
        stop = {"confidence": 1 - 1e-9, "steps": 100, "distance": weight}
        found = fool(f, network, x, target(aim), recipe(fooling=stop))
        distances.append(((found.images - x) ** 2).mean().item())
    assert distances[1] < distances[0] / 3


def test_every_target_of_an_image_begins_at_the_same_f():
    network, x = classifier(), pictures()
    listed = per_image(network, x, 0, target(3, 5), recipe(), seeded(2))
    (alone,) = per_image(network, x, 0, target(5), recipe(), seeded(2))
    assert alone.steps == listed[1].steps
    assert torch.equal(alone.images, listed[1].images)
    assert not torch.equal(alone.images, listed[0].images)
    stored = [to_bytes(found.images) for found in listed]
    assert [judged(network, one).classes[0] for one in stored] == [3, 5]
    assert all(found.reached for found in listed)
    assert all(((found.images - x) ** 2).mean() < 0.2 for found in listed)


def test_one_image_has_one_generator():
    with pytest.raises(
        ValueError, match=r"^2 images: expected one, each has a generator of its own$"
    ):
        per_image(classifier(), pictures(2), 0, target(1), recipe(), seeded())


def batches(seed: int = 0):
    """Endless batches of random images, with the labels 0…9 in turn."""
    for step in itertools.count():
        yield pictures(20, 1000 * seed + step), torch.arange(20) % 10


def trained(network: nn.Module, steps_fool: int, steps: int = 100) -> Generator:
    return amortise(network, batches(), [12], 0.01, steps, steps_fool, 0.1, seeded(4))


def test_a_target_that_is_the_image_s_own_class_is_told() -> None:
    with pytest.raises(ValueError, match="target 3 of image 1 is its own class"):
        per_image(classifier(), pictures(1), 3, target(1, 3), recipe(), seeded())


def test_one_generator_for_all_images_fools_on_images_it_has_not_seen():
    network, unseen = classifier(), pictures(50, 999)
    targets = torch.arange(50) % 10
    shares, distances = [], []
    for steps_fool in (1, 250):
        f = trained(network, steps_fool)
        with torch.no_grad():
            changed = f(unseen, targets)
        shares.append((judged(network, to_bytes(changed)).classes == targets.numpy()).mean())
        distances.append(((changed - unseen) ** 2).mean().item())
    # After step one it returns its input, with a target reached by chance.
    assert shares[0] < 0.3
    assert distances[0] < 0.03
    assert shares[1] > 0.6


def test_neither_step_touches_the_classifier_and_a_rerun_gives_the_same_bytes():
    network, x = classifier(), pictures()
    before, drawn = state(network), torch.get_rng_state()
    first = per_image(network, x, 0, target(3, 5), recipe(), seeded(2))
    one = trained(network, 3, 3)
    assert state(network) == before
    assert all(module.training for module in network.modules())
    assert all(weight.requires_grad and weight.grad is None for weight in network.parameters())
    assert torch.equal(torch.get_rng_state(), drawn)
    again = per_image(network, x, 0, target(3, 5), recipe(), seeded(2))
    assert [a.images.numpy().tobytes() for a in first] == [
        a.images.numpy().tobytes() for a in again
    ]
    assert state(trained(network, 3, 3)) == state(one)


def test_targets_are_all_other_classes_alike():
    labels = torch.arange(10).repeat(900)
    targets = other_classes(labels, seeded())
    counts = torch.zeros(10, 10).index_put((labels, targets), torch.ones(9000), accumulate=True)
    assert not counts.diagonal().any()
    # 100 expected, with a standard deviation of 10.
    assert counts.sum() == 9000
    assert (counts + 100 * torch.eye(10) - 100).abs().max() < 40


@pytest.mark.parametrize("call", ["reconstruct", "fool", "per_image", "amortise"])
def test_images_beyond_the_range_are_refused(call):
    x, f, network = pictures() + 0.5, Generator(1, [8], seeded()), classifier()
    calls = {
        "reconstruct": lambda: reconstruct(f, x, recipe()),
        "fool": lambda: fool(f, network, x, target(1), recipe()),
        "per_image": lambda: per_image(network, x, 0, target(1), recipe(), seeded()),
        "amortise": lambda: amortise(
            network, iter([(x, target(1))]), [8], 0.1, 1, 1, 1.0, seeded()
        ),
    }
    with pytest.raises(ValueError, match=r"^images hold 1\.\d+: expected values from 0 to 1$"):
        calls[call]()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"channels": [8, 0]}, "recipe.channels.1 = 0: "),
        ({"learning_rate": 0.0}, "recipe.learning_rate = 0.0: "),
        ({"reconstruction": {"error": 0.0}}, "recipe.reconstruction.error = 0.0: "),
        ({"fooling": {"confidence": 1.0}}, "recipe.fooling.confidence = 1.0: "),
        ({"fooling": {"steps": 0}}, "recipe.fooling.steps = 0: "),
        ({"fooling": {"distance": -1.0}}, "recipe.fooling.distance = -1.0: "),
        ({"fooling": {"weight": 1.0}}, "recipe.fooling.weight = 1.0: unknown key"),
    ],
)
def test_a_mistake_in_a_recipe_is_one_line_with_key_and_value(change, named):
    with pytest.raises(RetrialError, match=f"^{re.escape(named)}.*$") as caught:
        recipe(**change)
    assert "\n" not in str(caught.value)

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from retrial.adversarial.gradient_attacks import (
    CHUNK,
    check_epsilon,
    check_images,
    check_targets,
    fgsm,
    from_bytes,
    frozen,
    judged,
    pgd,
    sign_noise,
    to_bytes,
)

SIDE = 6


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Linear(nn.Module):
    """Logits W x of the pixels x, W (10, pixels) normal."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        weight = torch.randn(10, SIDE * SIDE, generator=seeded(seed))
        self.weight = nn.Parameter(weight)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x.flatten(1), self.weight)


def with_statistics() -> nn.Module:
    """A convolutional classifier with batch normalisation and dropout, in training mode."""
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(),
        nn.Linear(4 * (SIDE - 2) ** 2, 10),
    )  # fmt: skip
    with torch.no_grad():
        for weight in network.parameters():
            weight.normal_(generator=seeded(weight.numel()))
    return network


def pictures(count: int = 20, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Images in 0…1, some of their values at the bounds, and labels."""
    images = torch.rand(count, 1, SIDE, SIDE, generator=seeded(seed)) * 1.4 - 0.2
    return images.clamp(0, 1), torch.arange(count) % 10


def losses(classifier: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    with torch.no_grad():
        return functional.cross_entropy(classifier(images), labels, reduction="none")


def state(classifier: nn.Module) -> list[bytes]:
    return [one.numpy().tobytes() for one in classifier.state_dict().values()]


def linear_signs(classifier: Linear, images: Tensor, labels: Tensor) -> np.ndarray:
    """Signs of Wᵀ(softmax(W x) - one-hot(label)), in NumPy and float64."""
    weight = classifier.weight.detach().numpy().astype(float)
    logits = images.flatten(1).numpy() @ weight.T
    found = np.exp(logits - logits.max(axis=1, keepdims=True))
    found /= found.sum(axis=1, keepdims=True)
    found[np.arange(len(found)), labels.numpy()] -= 1
    return np.sign(found @ weight).reshape(images.shape)


@pytest.mark.parametrize("targeted", [False, True])
def test_fgsm_on_a_linear_classifier_is_the_closed_form(targeted):
    classifier = Linear()
    images, labels = pictures()
    direction = (-1 if targeted else 1) * linear_signs(classifier, images, labels)
    expected = np.clip(images.numpy() + 0.1 * direction, 0, 1)
    np.testing.assert_allclose(fgsm(classifier, images, labels, 0.1, targeted), expected, atol=1e-6)


def test_a_pixel_that_no_logit_depends_on_stays():
    classifier = Linear()
    with torch.no_grad():
        classifier.weight[:, 7] = 0
    images, labels = pictures()
    changed = (fgsm(classifier, images, labels, 0.1) != images).flatten(1)
    assert not changed[:, 7].any()
    assert changed.float().mean() > 0.8


def test_steps_along_one_direction_add_up_to_the_ball():
    class Pair(Linear):
        """Two classes whose gradient keeps its sign: the label's logit is w x, the others 0."""

        def forward(self, x: Tensor) -> Tensor:
            first = x.flatten(1) @ self.weight[0]
            return torch.stack([first, *[torch.zeros_like(first)] * 9], dim=1)

    classifier = Pair()
    images, _ = pictures(5)
    labels = torch.zeros(5, dtype=torch.int64)
    against = -classifier.weight[0].detach().sign().reshape(1, 1, SIDE, SIDE)
    for steps, reach in ((0, 0.0), (1, 0.03), (3, 0.09), (4, 0.1), (9, 0.1)):
        expected = (images + reach * against).clamp(0, 1)
        torch.testing.assert_close(pgd(classifier, images, labels, 0.1, 0.03, steps), expected)
    # From the far side of the ball the first steps go back.
    start = -0.1 * against.expand_as(images)
    expected = ((images + start).clamp(0, 1) + 0.06 * against).clamp(0, 1)
    found = pgd(classifier, images, labels, 0.1, 0.03, 2, start=start)
    torch.testing.assert_close(found, torch.maximum(expected, images - 0.1).clamp(max=1))


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("steps", [0, 1, 7])
def test_pgd_stays_in_its_ball_and_in_the_range_from_any_start(steps, targeted):
    images, labels = pictures()
    start = torch.randn(images.shape, generator=seeded(3))
    found = pgd(Linear(), images, labels, 0.2, 0.07, steps, targeted, start)
    assert found.min() >= 0
    assert found.max() <= 1
    assert (found - images).abs().max() <= 0.2 + 1e-6
    assert (found - images).abs().max() > 0.15


def test_no_room_leaves_the_images_as_they_are():
    images, labels = pictures()
    classifier, start = Linear(), torch.ones_like(images)
    for found in (
        fgsm(classifier, images, labels, 0.0),
        pgd(classifier, images, labels, 0.0, 0.1, 3),
        pgd(classifier, images, labels, 0.0, 0.1, 3, start=start),
        pgd(classifier, images, labels, 0.5, 0.1, 0),
        sign_noise(images, 0.0, seeded()),
    ):
        assert torch.equal(found, images)
        assert found.data_ptr() != images.data_ptr()


def test_the_loss_rises_away_from_labels_and_falls_towards_targets():
    classifier = Linear()
    images, labels = pictures()
    before = losses(classifier, images, labels)
    # The loss is convex in the image, so a step up its gradient can not lower it.
    for epsilon in (0.01, 0.1, 0.5):
        assert (
            losses(classifier, fgsm(classifier, images, labels, epsilon), labels) > before
        ).all()
    nearer = fgsm(classifier, images, labels, 0.01, targeted=True)
    assert (losses(classifier, nearer, labels) < before).all()
    further = pgd(classifier, images, labels, 0.1, 0.02, 10)
    assert (losses(classifier, further, labels) > before).all()


def test_an_unbounded_attack_on_a_linear_classifier_succeeds():
    classifier = Linear()
    images, labels = pictures(100)
    classes = classifier(images).argmax(dim=1)
    away = pgd(classifier, images, classes, 1.0, 0.1, 20)
    assert (classifier(away).argmax(dim=1) != classes).all()
    towards = pgd(classifier, images, labels, 1.0, 0.1, 20, targeted=True)
    assert (classifier(towards).argmax(dim=1) == labels).all()


def test_an_image_is_attacked_the_same_alone_and_among_others():
    classifier = Linear()
    images, labels = pictures()
    together = pgd(classifier, images, labels, 0.1, 0.02, 5)
    for i in range(3):
        alone = pgd(classifier, images[i : i + 1], labels[i : i + 1], 0.1, 0.02, 5)
        torch.testing.assert_close(alone[0], together[i])


def test_attacks_and_judging_leave_nothing_behind_in_the_classifier():
    classifier = with_statistics()
    weights = list(classifier.parameters())
    weights[0].requires_grad_(False)
    images, labels = pictures()
    before, given = state(classifier), images.clone()
    first = pgd(classifier, images, labels, 0.2, 0.05, 4)
    fgsm(classifier, images, labels, 0.2)
    judged(classifier, to_bytes(images))
    assert state(classifier) == before
    assert all(module.training for module in classifier.modules())
    assert [weight.requires_grad for weight in weights] == [False, *[True] * (len(weights) - 1)]
    assert all(weight.grad is None for weight in weights)
    assert torch.equal(images, given)
    assert not images.requires_grad
    # Neither statistics nor a dropout mask of the batch at hand: the same bytes in every run.
    assert torch.equal(pgd(classifier, images, labels, 0.2, 0.05, 4), first)
    assert torch.equal(pgd(classifier.eval(), images, labels, 0.2, 0.05, 4), first)
    assert not first.requires_grad


def test_frozen_gives_back_modes_and_gradients_after_an_error_too():
    classifier = with_statistics()
    classifier[1].eval()
    classifier[0].bias.requires_grad_(False)
    with frozen(classifier):
        assert not any(module.training for module in classifier.modules())
        assert not any(weight.requires_grad for weight in classifier.parameters())
    with pytest.raises(ArithmeticError), frozen(classifier):
        raise ArithmeticError
    modes = [module.training for module in classifier]
    assert modes == [True, False, True, True, True, True]
    assert classifier.training
    unneeded = [name for name, one in classifier.named_parameters() if not one.requires_grad]
    assert unneeded == ["0.bias"]


def test_sign_noise_has_the_norm_everywhere_and_both_signs():
    images = torch.full((40, 1, SIDE, SIDE), 0.5)
    before = torch.get_rng_state()
    change = sign_noise(images, 0.25, seeded()) - images
    assert torch.equal(torch.get_rng_state(), before)
    assert change.unique().tolist() == [-0.25, 0.25]
    # 1440 signs: a standard deviation of 1.3 %.
    assert (change > 0).float().mean().item() == pytest.approx(0.5, abs=0.05)
    assert torch.equal(sign_noise(images, 0.25, seeded()) - images, change)
    assert not torch.equal(sign_noise(images, 0.25, seeded(1)) - images, change)
    assert sign_noise(images, 0.75, seeded()).unique().tolist() == [0, 1]


def test_stored_images_come_back_and_others_are_rounded():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 4, 8, 8)
    levels.flags.writeable = False
    images = from_bytes(levels)
    assert images.dtype == torch.float32
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert images.flatten()[[0, 51, 255]].tolist() == pytest.approx([0, 0.2, 1])
    np.testing.assert_array_equal(to_bytes(images), levels)
    between = torch.tensor([0.49, 0.51, 254.49, 254.51]).reshape(1, 1, 2, 2) / 255
    assert to_bytes(between).flatten().tolist() == [0, 1, 254, 255]
    assert to_bytes(images).dtype == np.uint8
    assert to_bytes(images).flags.c_contiguous


def test_judging_by_hand_and_across_chunks():
    classifier = Linear()
    stored = np.random.default_rng(0).integers(0, 256, (CHUNK + 3, 1, SIDE, SIDE), dtype=np.uint8)
    found = judged(classifier, stored)
    assert found.classes.dtype == np.uint8
    assert found.confidences.dtype == np.float32
    logits = stored.reshape(len(stored), -1) / 255 @ classifier.weight.detach().numpy().T
    np.testing.assert_array_equal(found.classes, logits.argmax(axis=1))
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.confidences, expected, rtol=1e-3, atol=1e-7)
    with torch.no_grad():
        classifier.weight.zero_()
    tied = judged(classifier, stored[:2])
    assert tied.classes.tolist() == [0, 0]
    assert tied.confidences == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("value", "named"), [(1.5, "1.5"), (-0.25, "-0.25"), (math.nan, "nan"), (math.inf, "inf")]
)
def test_images_beyond_the_range_are_refused_by_every_attack(value, named):
    images, labels = pictures()
    images[3, 0, 2, 1] = value
    for attack in (
        lambda: check_images(images),
        lambda: fgsm(Linear(), images, labels, 0.1),
        lambda: pgd(Linear(), images, labels, 0.1, 0.1, 1),
        lambda: sign_noise(images, 0.1, seeded()),
        lambda: to_bytes(images),
    ):
        with pytest.raises(ValueError, match=f"^images hold {named}: expected values from 0 to 1$"):
            attack()


def test_images_of_another_form_are_refused():
    with pytest.raises(ValueError, match=r"^images of torch.float64 and shape \(1, 1, 2, 2\): exp"):
        check_images(torch.zeros(1, 1, 2, 2, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"torch.float32 and shape \(2, 2\): expected torch.floa"):
        check_images(torch.zeros(2, 2))
    check_images(torch.ones(1, 1, 2, 2))
    check_images(torch.zeros(0, 1, 2, 2))


@pytest.mark.parametrize("epsilon", [-0.1, math.nan, math.inf])
def test_an_epsilon_that_is_no_radius_is_refused_by_every_attack(epsilon):
    images, labels = pictures()
    for attack in (
        lambda: check_epsilon(epsilon),
        lambda: fgsm(Linear(), images, labels, epsilon),
        lambda: pgd(Linear(), images, labels, epsilon, 0.1, 1),
        lambda: sign_noise(images, epsilon, seeded()),
    ):
        with pytest.raises(ValueError, match=f"^epsilon = {epsilon}: expected a finite number, at"):
            attack()
    with pytest.raises(ValueError, match=f"^step = {epsilon}: expected a finite number, at least"):
        pgd(Linear(), images, labels, 0.1, epsilon, 1)


def test_targets_that_are_none_are_refused():
    labels = torch.tensor([0, 1, 2])
    check_targets(torch.tensor([9, 0, 1]), labels)
    with pytest.raises(
        ValueError, match=r"^target 1 of image 1 is its own class: expected another"
    ):
        check_targets(torch.tensor([3, 1, 2]), labels)
    with pytest.raises(ValueError, match=r"^target 10 of image 2: expected a class from 0 to 9$"):
        check_targets(torch.tensor([3, 4, 10]), labels)
    with pytest.raises(ValueError, match=r"^target -1 of image 0: expected a class from 0 to 9$"):
        check_targets(torch.tensor([-1, 4, 4]), labels)
    with pytest.raises(ValueError, match=r"shape \(1,\) for labels of shape \(3,\): expected eq"):
        check_targets(torch.tensor([3]), labels)

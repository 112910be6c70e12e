"""FGSM and PGD beside Foolbox's, on the same small classifiers and images."""

import itertools
import warnings
from typing import NamedTuple

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

from retrial.adversarial.gradient_attacks import fgsm, judged, pgd, to_bytes
from retrial.nets.image_classifiers import build

with warnings.catch_warnings():
    # Foolbox 3.3.4 imports SciPy's Gaussian filter, for a blur of no concern here, by an old name.
    old_name = r"Please import `gaussian_filter` from the `scipy\.ndimage` namespace"
    warnings.filterwarnings("ignore", old_name, DeprecationWarning)
    import foolbox
    from foolbox.attacks import LinfFastGradientAttack, LinfProjectedGradientDescentAttack

NETWORKS = {"plain": (8, 16), "pooled": (8, 16, 16, 16)}
TRAINED_ON, ATTACKED = 1200, 64
# In units of the pixels' range: exact in float32, as the pixels are, and not.
EXACT = [(1 / 16, 1 / 64), (1 / 4, 3 / 64)]
ROUNDED = [(0.03, 0.007), (0.3, 0.04)]
LADDER = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)


class Attacked(NamedTuple):
    """A trained classifier, images that it classifies correctly, and their labels and targets."""

    classifier: nn.Module
    images: Tensor
    labels: Tensor
    targets: Tensor


@pytest.fixture(scope="module", params=list(NETWORKS))
def attacked(request: pytest.FixtureRequest) -> Attacked:
    digits = load_digits()
    # Sixteenths, and each pixel four times.
    pixels = torch.from_numpy(digits.images / 16).float().unsqueeze(1)
    pixels = pixels.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    labels = torch.from_numpy(digits.target).long()
    chance = torch.Generator().manual_seed(0)
    classifier = build(request.param, NETWORKS[request.param], 1, 16, chance).train()
    optimiser = torch.optim.Adam(classifier.parameters(), 5e-3, fused=True)
    for _ in range(3):
        for rows in torch.randperm(TRAINED_ON, generator=chance).split(50):
            optimiser.zero_grad()
            functional.cross_entropy(classifier(pixels[rows]), labels[rows]).backward()
            optimiser.step()
    classifier.eval()
    with torch.inference_mode():
        right = classifier(pixels[TRAINED_ON:]).argmax(1) == labels[TRAINED_ON:]
    assert right.float().mean() > 0.8
    images, labels = (whole[TRAINED_ON:][right][:ATTACKED] for whole in (pixels, labels))
    targets = (labels + 1 + torch.arange(ATTACKED) % 9) % 10
    return Attacked(classifier, images, labels, targets)


def framed(case: Attacked) -> foolbox.PyTorchModel:
    return foolbox.PyTorchModel(case.classifier, bounds=(0, 1), device="cpu")


def theirs(
    case: Attacked, epsilon: float, step: float, steps: int, targeted: bool = False
) -> Tensor:
    """What Foolbox's PGD makes of the images, begun at the images themselves."""
    attack = LinfProjectedGradientDescentAttack(abs_stepsize=step, steps=steps, random_start=False)
    goal = foolbox.criteria.Misclassification(case.labels)
    if targeted:
        goal = foolbox.criteria.TargetedMisclassification(case.targets)
    return attack.run(framed(case), case.images, goal, epsilon=epsilon)


def ours(case: Attacked, epsilon: float, step: float, steps: int, targeted: bool = False) -> Tensor:
    wanted = case.targets if targeted else case.labels
    return pgd(case.classifier, case.images, wanted, epsilon, step, steps, targeted)


def accuracy(case: Attacked, images: Tensor) -> float:
    """Of the images as they are stored, in 0…1."""
    classes = judged(case.classifier, to_bytes(images)).classes
    return float((classes == case.labels.numpy()).mean())


@pytest.mark.parametrize("epsilon", [one[0] for one in EXACT + ROUNDED])
def test_fgsm_is_foolboxes(attacked: Attacked, epsilon: float) -> None:
    found = fgsm(attacked.classifier, attacked.images, attacked.labels, epsilon)
    criterion = foolbox.criteria.Misclassification(attacked.labels)
    expected = LinfFastGradientAttack().run(
        framed(attacked), attacked.images, criterion, epsilon=epsilon
    )
    assert not torch.equal(found, attacked.images)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("epsilon", [one[0] for one in EXACT + ROUNDED])
def test_targeted_fgsm_is_one_step_of_foolboxes_pgd(attacked: Attacked, epsilon: float) -> None:
    # Its own FGSM takes no targets.
    found = fgsm(attacked.classifier, attacked.images, attacked.targets, epsilon, targeted=True)
    expected = theirs(attacked, epsilon, epsilon, 1, targeted=True)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize(("epsilon", "step"), EXACT)
def test_pgd_is_foolboxes_to_the_bit_where_sums_are_exact(
    attacked: Attacked, epsilon: float, step: float, targeted: bool
) -> None:
    found = ours(attacked, epsilon, step, 12, targeted)
    expected = theirs(attacked, epsilon, step, 12, targeted)
    assert torch.equal(found, expected)
    # More than one step was taken, and the ball's border was reached.
    assert (found - attacked.images).abs().max() == epsilon


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize(("epsilon", "step"), ROUNDED)
def test_pgd_is_foolboxes_within_rounding(
    attacked: Attacked, epsilon: float, step: float, targeted: bool
) -> None:
    found = ours(attacked, epsilon, step, 12, targeted)
    expected = theirs(attacked, epsilon, step, 12, targeted)
    # The ball's border rounds differently, as theirs is x + clip(y - x, -ε, ε). Such last bits make
    # slightly other gradients, and where one is almost zero, its sign may be the other: a few
    # pixels may then end elsewhere. (On x86-64 with AVX2 none does.)
    apart = (found - expected).abs() > 1e-6
    assert apart.float().mean() <= 1e-3
    assert (found - attacked.images).abs().max().item() == pytest.approx(epsilon, abs=1e-6)


@pytest.mark.parametrize("targeted", [False, True])
def test_no_epsilon_leaves_the_clean_accuracy(attacked: Attacked, targeted: bool) -> None:
    wanted = attacked.targets if targeted else attacked.labels
    one = fgsm(attacked.classifier, attacked.images, wanted, 0.0, targeted)
    many = ours(attacked, 0.0, 0.01, 10, targeted)
    for images in (one, many):
        assert torch.equal(images, attacked.images)
        assert accuracy(attacked, images) == 1


def test_success_does_not_fall_as_epsilon_grows(attacked: Attacked) -> None:
    found = [1 - accuracy(attacked, ours(attacked, e, e / 4, 20)) for e in LADDER]
    # A ball holds what fools in any smaller one; twenty steps may miss it for an image.
    missed = 1 / ATTACKED
    assert all(more >= less - missed for less, more in itertools.pairwise(found))
    assert found[0] == 0
    assert found[-1] > 0.9


def test_an_unbounded_attack_always_succeeds(attacked: Attacked) -> None:
    assert accuracy(attacked, ours(attacked, 1.0, 0.05, 80)) == 0
    reached = judged(attacked.classifier, to_bytes(ours(attacked, 1.0, 0.05, 80, targeted=True)))
    assert (reached.classes == attacked.targets.numpy()).all()

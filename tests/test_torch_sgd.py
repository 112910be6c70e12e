import numpy as np
import pytest
import torch
from torch import nn

from retrial.training.torch_sgd import CHUNK, Descent, as_input, classes, keep_freed_memory


class OneWeight(nn.Module):
    """Logits (w·x, 0) of the one pixel x."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.weight * x.permute(0, 2, 3, 1)
        return torch.cat([first, torch.zeros_like(first)], dim=-1)


def test_images_are_scaled_and_given_a_blank_margin() -> None:
    images = np.array([[[0, 255], [51, 102]]], np.uint8)
    field = as_input(images, 1)
    expected = torch.tensor([[0, 0, 0, 0], [0, 0, 1, 0], [0, 0.2, 0.4, 0], [0, 0, 0, 0]])
    assert field.dtype == torch.float32
    torch.testing.assert_close(field[0, 0], expected)


def test_two_steps_with_momentum_by_hand() -> None:
    network = OneWeight()
    descent = Descent(network, learning_rate=2.0, momentum=0.5)
    x, label = torch.ones(1, 1, 1, 1), torch.tensor([0])
    # Loss -log σ(w); its derivative σ(w) - 1 is -0.5 at w = 0: velocity -0.5, w = 1.
    assert descent.step(x, label) == pytest.approx(np.log(2))
    assert network.weight.item() == pytest.approx(1.0)
    # σ(1) - 1 = -0.2689414: velocity 0.5·(-0.5) - 0.2689414 = -0.5189414, w = 2.0378828.
    assert descent.step(x, label) == pytest.approx(-np.log(0.7310586))
    assert network.weight.item() == pytest.approx(2.0378828)


def test_classes_of_every_image_and_window_across_chunks() -> None:
    network = OneWeight()
    with torch.no_grad():
        network.weight.fill_(1.0)
    images = np.zeros((CHUNK + 3, 2, 1), np.uint8)
    images[-1, 1, 0] = 9
    found = classes(network, images)
    assert found.dtype == np.uint8
    assert found.shape == (CHUNK + 3, 2, 1)
    # A tie of the two logits goes to the first.
    assert not found.any()
    with torch.no_grad():
        network.weight.fill_(-1.0)
    assert np.argwhere(classes(network, images)).tolist() == [[CHUNK + 2, 1, 0]]


def test_keeping_memory_can_be_asked_for_again() -> None:
    keep_freed_memory()
    keep_freed_memory()

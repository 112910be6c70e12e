"""Stochastic gradient descent with momentum on a torch network, from tensors in memory."""

import ctypes
import sys

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

M_TRIM_THRESHOLD = -1  # glibc's malloc.h

CHUNK = 250  # images per forward pass without gradients: their maps stay in a core's cache


def as_input(images: NDArray[np.uint8], margin: int = 0) -> Tensor:
    """uint8 `images` (n, h, w) as float32 (n, 1, h + 2·margin, w + 2·margin) in 0…1, blank = 0."""
    count, height, width = images.shape
    field = torch.zeros(count, 1, height + 2 * margin, width + 2 * margin)
    inner = field[:, 0, margin : margin + height, margin : margin + width]
    inner.copy_(torch.from_numpy(np.array(images))).div_(255)
    return field.contiguous(memory_format=torch.channels_last)


def keep_freed_memory() -> None:
    """Let this process keep memory that it frees, up to 1 GiB, for its next allocation.

    By default glibc returns a step's maps to the kernel and gets them back page by page in the
    next step, which costs a third of the time. Other C libraries are left as they are.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(M_TRIM_THRESHOLD, 1 << 30)


class Descent:
    """SGD with momentum on the mean cross-entropy of a network with logits (n, …, classes)."""

    def __init__(self, network: nn.Module, learning_rate: float, momentum: float) -> None:
        self.network = network
        self.optimiser = torch.optim.SGD(network.parameters(), learning_rate, momentum)

    def step(self, inputs: Tensor, labels: Tensor) -> float:
        """Update the network from one batch; return the loss in nats before the update."""
        self.optimiser.zero_grad()
        loss = functional.cross_entropy(self.network(inputs).flatten(0, -2), labels)
        loss.backward()
        self.optimiser.step()
        return loss.item()


@torch.inference_mode()
def classes(network: nn.Module, images: NDArray[np.uint8], margin: int = 0) -> NDArray[np.uint8]:
    """The most probable class in every window of `images` (n, h, w): uint8 (n, rows, columns)."""
    found = [
        network(as_input(images[start : start + CHUNK], margin)).argmax(dim=-1).to(torch.uint8)
        for start in range(0, len(images), CHUNK)
    ]
    return torch.cat(found).numpy()

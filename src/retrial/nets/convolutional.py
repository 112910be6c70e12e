"""LeNet-5 as one fully convolutional network, with anti-aliased and globally pooled variants.

All convolutions are valid: nothing is padded inside the network, and the blank margin that LeNet-5
needs around a digit is part of its input (LeCun et al. 1998 put 28 x 28 digits on 32 x 32). So the
network has no border of its own. On an input larger than its field it gives the logits of every
window of that field, four pixels apart, which is how shifts are measured at a fraction of the cost
of one forward pass each.

Of the original it keeps the layer sizes, C5 as a convolution, and subsampling by averages; it has
ReLU in place of the scaled tanh, full connections from S2 to C3, no trainable gain in S2 and S4,
and softmax in place of radial basis functions: what is commonly called LeNet today.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import skip_init

KERNEL = 5
POOLED_KERNEL = 3
STRIDE = 4  # two subsampling stages of stride 2
AVERAGE = (1, 1)
BLUR = (1, 3, 3, 1)  # Zhang 2019, "Bin-4": the binomial filter centred like a 2 x 2 average


class Subsample(nn.Module):
    """Every second pixel of each map after a fixed separable filter, (n, c, h, w) → half of it.

    Taps (1, 1) are 2 x 2 average pooling; longer binomial taps are Zhang's blur-pool (2019). As a
    depthwise convolution it is faster than `avg_pool2d` on channels-last maps.
    """

    def __init__(self, channels: int, taps: Sequence[int]) -> None:
        super().__init__()
        line = torch.tensor(taps, dtype=torch.float32) / sum(taps)
        kernel = torch.outer(line, line).expand(channels, 1, -1, -1)
        self.kernel: Tensor
        self.register_buffer("kernel", kernel.contiguous())

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, c, (h - taps) // 2 + 1, (w - taps) // 2 + 1)."""
        return functional.conv2d(x, self.kernel, stride=2, groups=len(self.kernel))


class LeNet(nn.Module):
    """LeNet-5 over a square field of `field_side(cells, taps)` pixels.

    `cells` is the side of the map that reaches C5: 5 for the original 32 x 32 field, 9 for a
    48 x 48 one. C5 covers that map wholly, so that each position has weights of its own, unless
    `pooled`: then C5 has a 3 x 3 kernel and the maximum of each of its maps over all positions
    goes on. (A 5 x 5 kernel sees 32 pixels, more than a digit: among its positions those count
    that cut the digit, and they change as it moves.) `generator` draws the weights: normal with
    variance 2/fan-in (He et al. 2015), biases zero; torch's global generator is not touched.
    """

    def __init__(
        self,
        generator: torch.Generator,
        cells: int = KERNEL,
        taps: Sequence[int] = AVERAGE,
        pooled: bool = False,
    ) -> None:
        super().__init__()
        c5_kernel = POOLED_KERNEL if pooled else cells
        self.pool = cells - c5_kernel + 1
        self.c1 = skip_init(nn.Conv2d, 1, 6, KERNEL)
        self.s2 = Subsample(6, taps)
        self.c3 = skip_init(nn.Conv2d, 6, 16, KERNEL)
        self.s4 = Subsample(16, taps)
        self.c5 = skip_init(nn.Conv2d, 16, 120, c5_kernel)
        self.f6 = skip_init(nn.Linear, 120, 84)
        self.output = skip_init(nn.Linear, 84, 10)
        for layer in (self.c1, self.c3, self.c5, self.f6, self.output):
            fan_in = layer.weight[0].numel()
            nn.init.normal_(layer.weight, 0.0, math.sqrt(2 / fan_in), generator)
            nn.init.zeros_(layer.bias)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (n, rows, columns, 10) of every window of `x` (n, 1, h, w) in 0…1.

        Window (i, j) has its upper left corner at pixel (4i, 4j); an input of the field's own
        size has one window.
        """
        x = self.s2(functional.relu(self.c1(x), inplace=True))
        x = self.s4(functional.relu(self.c3(x), inplace=True))
        x = functional.relu(self._c5(x), inplace=True)
        if self.pool > 1:
            x = functional.max_pool2d(x, self.pool, stride=1)
        x = functional.relu(self.f6(x.permute(0, 2, 3, 1)), inplace=True)
        logits: Tensor = self.output(x)
        return logits

    def _c5(self, x: Tensor) -> Tensor:
        if x.shape[2:] != self.c5.weight.shape[2:]:
            found: Tensor = self.c5(x)
            return found
        # One position only: as a matrix product it saves a fifth of a step of training.
        flat = functional.linear(
            x.permute(0, 2, 3, 1).flatten(1),
            self.c5.weight.permute(0, 2, 3, 1).flatten(1),
            self.c5.bias,
        )
        return flat[:, :, None, None]


def field_side(cells: int, taps: Sequence[int] = AVERAGE) -> int:
    """The side in pixels of the field whose map before C5 has `cells` x `cells` positions."""
    side = cells
    for _ in range(2):
        side = (side - 1) * 2 + len(taps) + KERNEL - 1
    return side

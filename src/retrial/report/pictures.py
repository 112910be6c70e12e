"""Pictures of small grey and colour images: their classes' names, the images, what changed in them.

Images are uint8 (channels, height, width) as attacks store them, black at 0.
"""

from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from numpy.typing import NDArray

from retrial.report.figures import BLACK, RED

Array = NDArray[Any]
MISSED = "✗"


class DataSet(NamedTuple):
    """A data set's name in print, those of its classes in their order, and whether they are grey.

    `one` is a class with its article, or what stands for it.
    """

    title: str
    classes: tuple[str, ...]
    one: tuple[str, ...]
    grey: bool


_DIGITS = tuple(str(digit) for digit in range(10))
_OBJECTS = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
MNIST = DataSet("MNIST", _DIGITS, tuple(f"{'an' if d == '8' else 'a'} {d}" for d in _DIGITS), True)
CIFAR10 = DataSet(
    "CIFAR-10",
    _OBJECTS,
    tuple(f"{'an' if name[0] in 'aeiou' else 'a'} {name}" for name in _OBJECTS),
    False,
)


def picture(axes: Axes, pixels: Array, edge: str = "#CCCCCC") -> None:
    """One image: dark ink on white if it is grey, in its colours otherwise."""
    if len(pixels) == 1:
        axes.imshow(pixels[0], cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
    else:
        axes.imshow(pixels.transpose(1, 2, 0), interpolation="nearest")
    _bare(axes, edge)


def change(axes: Axes, pixels: Array, original: Array, reach: int) -> None:
    """What was added to an image, in grey levels from -`reach` to `reach`.

    A grey image's: white where nothing changed, purple for more ink, orange for less. In colour:
    mid-grey where nothing changed, each channel brighter or darker by its own change.
    """
    added = pixels.astype(int) - original
    if len(added) == 1:
        axes.imshow(added[0], cmap="PuOr", vmin=-reach, vmax=reach, interpolation="nearest")
    else:
        shown = np.clip(0.5 + added / (2 * reach), 0, 1)
        axes.imshow(shown.transpose(1, 2, 0), interpolation="nearest")
    _bare(axes, "#CCCCCC")


def change_bar(figure: Figure, axes: Axes, reach: int, grey: bool) -> None:
    """The scale of `change`, in place of `axes`."""
    axes.set_axis_off()
    inner = axes.inset_axes((0.06, 0.0, 0.16, 1.0))
    values = ScalarMappable(
        mpl.colors.Normalize(-reach, reach), mpl.colormaps["PuOr" if grey else "gray"]
    )
    bar = figure.colorbar(values, cax=inner, ticks=[-reach, 0, reach])
    bar.ax.tick_params(labelsize=6.5, length=2, pad=1.5)
    bar.outline.set_linewidth(0.4)


def word(axes: Axes, said: str, reached: bool, confidence: float | None = None) -> None:
    """Below a picture: the class that a classifier gives it, how surely, and a cross for a miss."""
    first = said if reached else f"{MISSED} {said}"
    text = first if confidence is None else f"{first}\n{confidence:.2f}"
    axes.set_xlabel(text, fontsize=6.5, color=BLACK if reached else RED, labelpad=1.5)


def _bare(axes: Axes, edge: str) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines[:].set(visible=True, color=edge)

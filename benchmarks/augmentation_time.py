"""One epoch of changed digits, ours beside torchvision's v2 transforms in a DataLoader.

    python benchmarks/augmentation_time.py [--rounds 5] [--case all]

Both draw anew for each picture and hand over shuffled float32 batches of 128 of MNIST's training
images (random bytes where `data/raw/mnist` is missing); nothing is trained. The ranges are those
of report 004, exercise 3, in `params.yaml`.

    report    zoom and width shift
    all       zoom, both shifts, rotation, flips, blur, brightness and gamma

Ours changes whole tensors. The peers are the usual pipeline: a `Dataset` whose `__getitem__`
applies v2 transforms to one image, bilinear, read by a `DataLoader` with `num_workers=0`, that is
within its own process. One peer holds uint8 tensors, the other makes PIL images of them, as
torchvision's own `datasets.MNIST` does. The work is the same but for the zoom, which
`RandomAffine` draws once for both axes, and ours for each.

The peers take more than half a minute for an epoch of all steps. They are timed over
`--peer-images` images, and extrapolated. Each contender lives in a process of its own, with one
thread, on the same core, and they take turns; the peers run without the instruction-set pins that
`import retrial` sets and that ours runs under. CPU seconds, which for one thread are the wall's
seconds on a quiet machine and still compare on a busy one. Goal: at least 3× against either.
"""

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from taking_turns import contend, entry, in_turns

ROOT = Path(__file__).resolve().parent.parent
BATCH, FASTER = 128, 3.0
CASES = {"report": ("zoom", "width"), "all": None}
OURS, TENSORS, PIL = "retrial", "torchvision, tensors", "torchvision, PIL"


def digits(count: int) -> Any:
    """uint8 images (count, 28, 28)."""
    import numpy as np

    path = ROOT / "data/raw/mnist/train_images.npy"
    if path.exists():
        return np.load(path, allow_pickle=False)[:count]
    return np.random.default_rng(0).integers(0, 256, (count, 28, 28), dtype=np.uint8)


def ranges_of(case: str) -> Any:
    """The protocol's `Ranges`, 0 where the case leaves a step out."""
    from retrial.core.config import section
    from retrial.studies import handwriting

    stated = section(ROOT / "params.yaml", handwriting.NAME, handwriting.Protocol).ranges
    kept = CASES[case] or handwriting.STEPS
    return stated.model_copy(update={step: 0.0 for step in handwriting.STEPS if step not in kept})


def ours(chosen: argparse.Namespace) -> Callable[[], object]:
    sys.path.insert(0, str(ROOT / "src"))
    import retrial  # noqa: F401  sets the pins before NumPy loads
    from retrial.core.seeds import generator
    from retrial.training.views import Views

    chance = generator("benchmark")
    views = Views(digits(chosen.images), ranges_of(chosen.case), chance)

    def epoch() -> None:
        views.epoch()
        order = chance.permutation(len(views))
        for first in range(0, len(order), BATCH):
            views.batch(order[first : first + BATCH])

    return epoch


def torchvision_epoch(chosen: argparse.Namespace, pil: bool) -> Callable[[], object]:
    """A share of the peer's epoch."""
    before = dict(os.environ)
    sys.path.insert(0, str(ROOT / "src"))
    import retrial  # noqa: F401  its pins are taken back before NumPy and torch load

    os.environ.clear()
    os.environ.update(before)
    import torch
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset

    torch.manual_seed(0)
    images = digits(chosen.peer_images)
    tensors = torch.from_numpy(images.copy())[:, None]
    change = pipeline(chosen.case)

    class Digits(Dataset[Any]):
        def __len__(self) -> int:
            return len(images)

        def __getitem__(self, index: int) -> Any:
            return change(Image.fromarray(images[index]) if pil else tensors[index])

    loader = DataLoader(Digits(), batch_size=BATCH, shuffle=True, num_workers=0)

    def epoch() -> None:
        for batch in loader:
            assert batch.dtype == torch.float32

    return epoch


def pipeline(case: str) -> Any:
    """The v2 transforms of one image, a uint8 tensor (1, 28, 28) or PIL's, to float32 in 0…1."""
    import torch

    from retrial.nets.torchvision_ops import import_torchvision
    from retrial.training.views import LEAST, REACH

    import_torchvision()
    from torchvision.transforms import v2

    ranges = ranges_of(case)

    def gamma(image: Any) -> Any:
        power = (1 + ranges.gamma) ** torch.empty(1).uniform_(-1, 1).item()
        return v2.functional.adjust_gamma(image, power)

    steps = [
        v2.RandomAffine(
            degrees=ranges.rotation,
            translate=(ranges.width, ranges.height),
            scale=(1 - ranges.zoom, 1 + ranges.zoom),
            interpolation=v2.InterpolationMode.BILINEAR,
        )
    ]
    if case == "all":
        steps += [
            v2.RandomHorizontalFlip(ranges.flips),
            v2.RandomVerticalFlip(ranges.flips),
            v2.GaussianBlur(2 * REACH + 1, (LEAST, ranges.blur)),
            v2.ColorJitter(brightness=ranges.brightness),
            v2.Lambda(gamma),
        ]
    return v2.Compose([*steps, v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])


CONTENDERS: dict[str, Callable[[argparse.Namespace], Callable[[], object]]] = {
    OURS: ours,
    TENSORS: partial(torchvision_epoch, pil=False),
    PIL: partial(torchvision_epoch, pil=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5, help="timed epochs of each (default 5)")
    parser.add_argument("--case", choices=list(CASES), help="only this one (default both)")
    parser.add_argument("--images", type=int, default=60_000, help="of an epoch (default 60000)")
    parser.add_argument(
        "--peer-images", type=int, default=3000, help="timed images of each peer (default 3000)"
    )
    parser.add_argument("--contender", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.contender:
        contend(CONTENDERS[chosen.contender](chosen))
        return
    print(f"one epoch of {chosen.images} images in batches of {BATCH}, one core, CPU seconds,")
    print(f"median of {chosen.rounds} alternated runs (min–max); torchvision in a DataLoader with")
    print(f"num_workers=0, extrapolated from {chosen.peer_images} images")
    for case in [chosen.case] if chosen.case else list(CASES):
        show(case, chosen)


def show(case: str, chosen: argparse.Namespace) -> None:
    """Time the contenders of one case in turns and print the peers beside ours."""
    options = ["--case", case, "--images", str(chosen.images)]
    options += ["--peer-images", str(chosen.peer_images)]
    seconds = in_turns(__file__, list(CONTENDERS), chosen.rounds, options)
    print(entry(f"{case:6s} {OURS:20s}", seconds[OURS]))
    for peer in (TENSORS, PIL):
        whole = [spent * chosen.images / chosen.peer_images for spent in seconds[peer]]
        print(entry(f"{case:6s} {peer:20s}", whole, seconds[OURS], FASTER))


if __name__ == "__main__":
    main()

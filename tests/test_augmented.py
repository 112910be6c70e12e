import numpy as np
import pytest
import torch

from retrial.core.seeds import generator
from retrial.training.augmented import Augmented, as_tensor

SIDE = 6


def pictures(count: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    """No two views of these are alike."""
    rng = np.random.default_rng(seed)
    shape = (count, SIDE, SIDE) if channels == 1 else (count, SIDE, SIDE, channels)
    return rng.integers(1, 256, shape, dtype=np.uint8)


def bytes_of(batch: torch.Tensor) -> np.ndarray:
    """(n, c, side, side) in 0…1 as uint8 (n, side, side, c)."""
    return (batch * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def views(examples: Augmented) -> np.ndarray:
    return bytes_of(examples.batch(np.arange(len(examples))))


def crops(image: np.ndarray, shift: int, mode: str) -> list[np.ndarray]:
    """All (2·shift + 1)² places of an image (side, side, c) in its padded self, upper left first.

    Built from single pixels: what lies beyond the border is 0 or the reflection about it.
    """

    def pixel(row: int, column: int) -> np.ndarray:
        inside = 0 <= row < SIDE and 0 <= column < SIDE
        if not inside and mode == "blank":
            return np.zeros(image.shape[2], np.uint8)
        row, column = (SIDE - 1 - abs(SIDE - 1 - abs(one)) for one in (row, column))
        return image[row, column]

    moves = range(-shift, shift + 1)
    return [
        np.array([[pixel(i + down, j + right) for j in range(SIDE)] for i in range(SIDE)])
        for down in moves
        for right in moves
    ]


def places(view: np.ndarray, among: list[np.ndarray]) -> list[int]:
    return [place for place, one in enumerate(among) if np.array_equal(one, view)]


@pytest.mark.parametrize("channels", [1, 3])
def test_as_tensor_scales_to_one_with_channels_last(channels: int) -> None:
    images = pictures(4, channels)
    images[0, 0, 0], images[0, 0, 1] = 255, 0
    found = as_tensor(images)
    assert found.dtype == torch.float32
    assert found.shape == (4, channels, SIDE, SIDE)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert found[0, 0, 0, 0] == 1
    assert found[0, 0, 0, 1] == 0
    whole = images.reshape(4, SIDE, SIDE, channels)
    expected = whole[3, 1, 2].astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(found[3, :, 1, 2].numpy(), expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_without_shift_and_flip_images_come_back(channels: int) -> None:
    images = pictures(7, channels)
    examples = Augmented(images, 0, False, generator("test"))
    assert len(examples) == 7
    for _ in range(3):
        examples.epoch()
        found = examples.batch(np.array([5, 0, 6]))
        assert torch.equal(found, as_tensor(images[[5, 0, 6]]))
        assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_view_is_a_shifted_image_with_a_blank_border(channels: int) -> None:
    images = pictures(30, channels)
    examples = Augmented(images, 2, False, generator("test", channels))
    seen = set()
    for _ in range(3):
        examples.epoch()
        whole = images.reshape(30, SIDE, SIDE, channels)
        for image, view in zip(whole, views(examples), strict=True):
            (place,) = places(view, crops(image, 2, "blank"))
            seen.add(place)
    # 90 draws of 25 places: along both axes all moves occur, and not always together.
    assert {place // 5 for place in seen} == {place % 5 for place in seen} == set(range(5))
    assert len(seen) > 15


@pytest.mark.parametrize("channels", [1, 3])
def test_with_flip_a_view_is_a_shifted_image_or_its_mirror_image_in_a_reflection(
    channels: int,
) -> None:
    images = pictures(20, channels)
    examples = Augmented(images, 2, True, generator("test", channels))
    examples.epoch()
    mirrored, seen = 0, set()
    whole = images.reshape(20, SIDE, SIDE, channels)
    for image, view in zip(whole, views(examples), strict=True):
        crop = crops(image, 2, "reflected")
        plain, turned = places(view, crop), places(view[:, ::-1], crop)
        assert len(plain) + len(turned) == 1
        mirrored += len(turned)
        seen |= {*plain, *turned}
    assert 4 < mirrored < 16
    assert len(seen) > 8


def test_two_epochs_in_a_row_show_both_sides_of_each_image() -> None:
    images = pictures(40)
    examples = Augmented(images, 0, True, generator("test"))
    turned = []
    for _ in range(4):
        examples.epoch()
        sides = np.stack([images, images[:, :, ::-1]])
        is_side = (views(examples)[..., 0] == sides).all(axis=(2, 3))
        assert (is_side.sum(axis=0) == 1).all()
        turned.append(is_side[1])
    assert (turned[0] != turned[1]).all()
    assert (turned[1] != turned[2]).all()
    np.testing.assert_array_equal(turned[0], turned[2])
    np.testing.assert_array_equal(turned[1], turned[3])
    # About half of the images in either epoch.
    assert 10 < turned[0].sum() < 30


@pytest.mark.parametrize("flip", [False, True])
def test_epochs_draw_moves_anew(flip: bool) -> None:
    examples = Augmented(pictures(30), 2, flip, generator("test"))
    examples.epoch()
    first = views(examples)
    # The same until the next epoch.
    np.testing.assert_array_equal(views(examples), first)
    examples.epoch()
    examples.epoch()
    # Two epochs on, images show the same side again: it is the moves that differ.
    assert (views(examples) != first).any(axis=(1, 2, 3)).mean() > 0.8


@pytest.mark.parametrize("flip", [False, True])
def test_a_view_does_not_depend_on_the_batches(flip: bool) -> None:
    images, order = pictures(12, 3), generator("test", "order").permutation(12)
    whole, parts = (Augmented(images, 1, flip, generator("test")) for _ in range(2))
    for _ in range(2):
        whole.epoch()
        parts.epoch()
        at_once = whole.batch(np.arange(12))
        for rows in (order[:5], order[5:7], order[7:], order[:1]):
            assert torch.equal(parts.batch(rows), at_once[torch.from_numpy(rows)])


def test_equal_generators_give_equal_views() -> None:
    one, same, other = (
        Augmented(pictures(12), 2, True, generator("test", seed)) for seed in (0, 0, 1)
    )
    for examples in (one, same, other):
        examples.epoch()
    np.testing.assert_array_equal(views(one), views(same))
    assert (views(one) != views(other)).any()


@pytest.mark.parametrize("flip", [False, True])
def test_the_images_are_left_as_they_were(flip: bool) -> None:
    images = pictures(5)
    before = images.copy()
    examples = Augmented(images, 2, flip, generator("test"))
    examples.epoch()
    examples.batch(np.arange(5)).zero_()
    np.testing.assert_array_equal(images, before)

import numpy as np
import pytest
import torch

from retrial import shifts
from retrial.nets.convolutional import STRIDE, LeNet, field_side
from retrial.training.torch_sgd import classes

RANDOM = np.random.Generator(np.random.PCG64(1))


def images(count: int, side: int) -> np.ndarray:
    return RANDOM.integers(0, 256, (count, side, side), np.uint8)


def test_place_by_hand() -> None:
    image = np.array([[[1, 2], [3, 4]]], np.uint8)
    inside = shifts.place(image, 3, 1, 0)[0].tolist()
    assert inside == [[0, 0, 0], [1, 2, 0], [3, 4, 0]]
    assert shifts.place(image, 3, -1, 2)[0].tolist() == [[0, 0, 3], [0, 0, 0], [0, 0, 0]]
    assert not shifts.place(image, 3, 5, 0).any()
    assert not shifts.place(image, 3, 0, -2).any()


def test_place_each_is_place_with_many_corners() -> None:
    some = images(4, 3)
    tops, lefts = np.array([0, 1, 2, 4]), np.array([3, 0, 4, 4])
    placed = shifts.place_each(some, 7, tops, lefts)
    for image, one, top, left in zip(some, placed, tops, lefts, strict=True):
        np.testing.assert_array_equal(one, shifts.place(image[None], 7, top, left)[0])


def test_ink_loss_by_hand() -> None:
    # Ink in the middle of 3 x 3: one step in any direction is safe, two are not.
    dot = np.zeros((1, 3, 3), np.uint8)
    dot[0, 1, 1] = 200
    lost = shifts.ink_loss(dot, 2)
    assert lost.shape == (5, 5)
    assert not lost[1:4, 1:4].any()
    assert lost.sum() == 25 - 9
    # Ink in the bottom row: only downward (positive dy, later rows of the grid) loses it.
    low = np.zeros((1, 3, 3), np.uint8)
    low[0, 2, 1] = 1
    assert shifts.ink_loss(low, 1).tolist() == [[0, 0, 0], [0, 0, 0], [1, 1, 1]]


def test_ink_loss_is_what_placing_cuts() -> None:
    some = images(20, 6) * (RANDOM.random((20, 6, 6)) < 0.05)
    lost = shifts.ink_loss(some, 4)
    for dy in range(-4, 5):
        for dx in range(-4, 5):
            kept = shifts.place(some, 6, dy, dx).astype(bool).sum(axis=(1, 2))
            share = np.mean(kept < some.astype(bool).sum(axis=(1, 2)))
            assert lost[dy + 4, dx + 4] == pytest.approx(share)


@pytest.mark.parametrize(("cells", "pooled"), [(9, False), (11, True)])
def test_windows_give_what_each_shift_gives(cells: int, pooled: bool) -> None:
    field = field_side(cells)
    network = LeNet(torch.Generator().manual_seed(3), cells, pooled=pooled)
    corner = (field - 28) // 2
    some = images(6, 28)
    grid = shifts.windows_grid(lambda planes: classes(network, planes), some, field, STRIDE, 8)
    assert grid.shape == (17, 17, 6)
    for dy, dx in [(0, 0), (-8, -8), (8, 8), (8, -8), (3, -5), (-1, 6), (-4, 7)]:
        alone = classes(network, shifts.place(some, field, corner + dy, corner + dx))[:, 0, 0]
        np.testing.assert_array_equal(grid[dy + 8, dx + 8], alone)


def test_windows_cover_every_shift_in_its_direction() -> None:
    # A dot in a 1 x 1 image; the class of a window of 9 is the dot's place in it.
    def place_of_dot(planes: np.ndarray) -> np.ndarray:
        found = np.empty((len(planes), 3, 3), np.uint8)
        for i in range(3):
            for j in range(3):
                window = planes[:, 4 * i : 4 * i + 9, 4 * j : 4 * j + 9]
                found[:, i, j] = window.reshape(len(planes), -1).argmax(axis=1)
        return found

    grid = shifts.windows_grid(place_of_dot, np.ones((1, 1, 1), np.uint8), 9, 4, 4)
    np.testing.assert_array_equal(grid[:, :, 0], np.arange(81).reshape(9, 9))


def test_clipped_grid_cuts_off_what_leaves_the_frame() -> None:
    bottom_right = np.array([[[0, 0], [0, 7]]], np.uint8)
    grid = shifts.clipped_grid(lambda frames: frames.sum(axis=(1, 2)), bottom_right, 1)
    assert grid[:, :, 0].tolist() == [[7, 7, 0], [7, 7, 0], [0, 0, 0]]


def test_dense_grid_gives_what_each_shift_gives() -> None:
    some = images(5, 4)
    weights = [RANDOM.standard_normal((64, 8)), RANDOM.standard_normal((8, 3))]
    biases = [RANDOM.standard_normal(8), RANDOM.standard_normal(3)]
    grid = shifts.dense_grid(weights, biases, some.reshape(5, -1) / 255, 2)
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            canvas = shifts.place(some, 8, 2 + dy, 2 + dx).reshape(5, -1) / 255
            logits = np.maximum(canvas @ weights[0] + biases[0], 0) @ weights[1] + biases[1]
            np.testing.assert_array_equal(grid[dy + 2, dx + 2], logits.argmax(axis=1))


def test_invariance_by_hand() -> None:
    # Two images of classes 1 and 2. The first is right at all 9 shifts but one; the second is
    # taken for 5 unshifted and at two shifts, and for 2 at the other six.
    grid = np.empty((3, 3, 2), np.uint8)
    grid[:, :, 0], grid[:, :, 1] = 1, 2
    grid[0, 0, 0] = 7
    grid[1, 1, 1] = grid[2, 2, 1] = grid[2, 1, 1] = 5
    found = shifts.invariance(grid, np.array([1, 2]))
    assert found.accurate.tolist() == [7 / 8, 6 / 8]
    assert found.consistent.tolist() == [7 / 8, 2 / 8]
    assert found.accuracy.tolist() == [[0.5, 1, 1], [1, 0.5, 1], [1, 0.5, 0.5]]
    assert found.consistency.tolist() == [[0, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 1, 1]]


def test_inner_keeps_the_middle() -> None:
    grid = np.arange(25).reshape(5, 5)
    assert shifts.inner(grid, 1).tolist() == [[6, 7, 8], [11, 12, 13], [16, 17, 18]]
    with pytest.raises(ValueError, match="reach 3"):
        shifts.inner(grid, 3)

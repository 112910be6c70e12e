"""The boundary of a small network: slopes, lengths and bending by hand, and its film."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy.special import expit

from retrial import boundary
from retrial.boundary import Grid, Network

# The score is 2x + 4y − 1 for x, y > 0 and −1 for both below 0.
CORNER = Network(np.eye(2), np.zeros(2), np.array([2.0, 4.0]), -1.0)


def square(side: int) -> Grid:
    axis = np.linspace(-1.0, 1.0, side)
    return Grid(axis, axis)


def test_scores_by_hand() -> None:
    points = np.array([[0.5, 0.25], [-1.0, 0.5], [-1.0, -1.0]])
    assert CORNER.scores(points).tolist() == [1.0, 1.0, -1.0]


def test_slopes_are_differences_of_the_probability() -> None:
    chance = np.random.default_rng(0)
    network = Network(chance.normal(size=(2, 7)), chance.normal(size=7), chance.normal(size=7), 0.3)
    points, h = chance.normal(size=(50, 2)), 1e-6
    sides = [
        (expit(network.scores(points + h * step)) - expit(network.scores(points - h * step)))
        / (2 * h)
        for step in np.eye(2)
    ]
    assert network.slopes(points) == pytest.approx(np.hypot(*sides), rel=1e-5)


def test_a_grid_reaches_a_margin_beyond_the_points() -> None:
    grid = boundary.grid_around(np.array([[0.0, 5.0], [2.0, 6.0]]), 1.0, 3)
    assert grid.x.tolist() == [-1.0, 1.0, 3.0]
    assert grid.y.tolist() == [4.0, 5.5, 7.0]
    # Row by row, the lowest y first.
    assert grid.points[:4].tolist() == [[-1, 4], [1, 4], [3, 4], [-1, 5.5]]


def test_a_surface_has_its_lowest_row_first() -> None:
    seen = boundary.surface(CORNER, square(3))
    assert seen.scores.tolist() == [[-1, -1, 1], [-1, -1, 1], [3, 3, 5]]
    assert seen.labels.tolist() == [[0, 0, 1], [0, 0, 1], [1, 1, 1]]
    # p(1 − p)·‖(0, 4)‖ at the score of 3, in the middle of the top row's left half.
    assert seen.slopes[2, 0] == pytest.approx(4 * expit(3) * expit(-3))
    assert seen.slopes[0, 0] == 0


def test_a_straight_boundary_has_its_length_and_does_not_bend() -> None:
    grid = square(80)
    x, y = np.meshgrid(grid.x, grid.y)
    lines = boundary.boundary_lines(3 * x + 4 * y, grid)
    # From (−1, 0.75) to (1, −0.75).
    assert len(lines) == 1
    assert boundary.boundary_length(lines) == pytest.approx(2.5)
    assert boundary.bending(lines) == pytest.approx(0.0, abs=1e-7)


def test_a_circle_bends_by_its_radius_over_root_two() -> None:
    grid = square(200)
    x, y = np.meshgrid(grid.x, grid.y)
    lines = boundary.boundary_lines(np.hypot(x, y) - 0.6, grid)
    assert len(lines) == 1
    assert boundary.boundary_length(lines) == pytest.approx(2 * np.pi * 0.6, rel=1e-3)
    assert boundary.bending(lines) == pytest.approx(0.6 / 2**0.5, rel=1e-3)


def test_two_parallel_pieces_bend_by_half_their_distance() -> None:
    grid = square(41)
    x, _ = np.meshgrid(grid.x, grid.y)
    lines = boundary.boundary_lines(x**2 - 0.09, grid)
    assert len(lines) == 2
    assert boundary.boundary_length(lines) == pytest.approx(4.0)
    # Two lines at x = ±0.3: the best line lies between them.
    assert boundary.bending(lines) == pytest.approx(0.3, rel=1e-2)


def test_no_boundary_has_no_length_and_no_bending() -> None:
    grid = square(5)
    lines = boundary.boundary_lines(np.ones((5, 5)), grid)
    assert lines == []
    assert boundary.boundary_length(lines) == 0
    assert boundary.bending(lines) is None


def test_a_picture_has_regions_and_points_with_the_highest_y_on_top() -> None:
    grid = square(9)
    labels = np.zeros((9, 9), np.uint8)
    labels[6:] = 1  # the three highest rows
    points = np.array([[-0.5, -0.5], [0.5, 0.75]])
    drawn = boundary.picture(labels, grid, points, np.array([0, 1]), 3)
    assert drawn.shape == (27, 27)
    assert drawn[0].tolist() == [boundary.TINT + 1] * 27
    assert drawn[26].tolist() == [boundary.TINT] * 27
    # Grid point 2 is in the middle of its square, pixel 7; from the top, row 6 is pixel 19.
    disc = drawn[17:22, 5:10] == boundary.POINT
    cross = drawn[2:7, 17:22] == boundary.POINT + 1
    np.testing.assert_array_equal(disc, boundary.MARKS[0])
    np.testing.assert_array_equal(cross, boundary.MARKS[1])
    assert (drawn >= boundary.POINT).sum() == 21 + 9


def test_a_mark_at_the_edge_is_cut() -> None:
    grid, points = square(9), np.array([[-1.0, 1.0]])
    drawn = boundary.picture(np.zeros((9, 9), np.uint8), grid, points, np.array([0]), 1)
    np.testing.assert_array_equal(drawn[:3, :3] == boundary.POINT, boundary.MARKS[0][2:, 2:])


def test_a_bar_is_as_long_as_its_share() -> None:
    barred = boundary.with_bar(np.full((100, 60), boundary.TINT, np.uint8), 0.25)
    assert barred.shape == (110, 60)
    assert (barred == boundary.BAR).sum(axis=1).tolist() == [0] * 102 + [15] * 5 + [0] * 3
    assert (barred == boundary.TRACK).sum() == 5 * 45


def halves(*places: int) -> list[np.ndarray]:
    return [np.where(np.arange(20) < at, 1, 2) * np.ones((10, 1), np.uint8) for at in places]


def test_a_film_is_read_back_as_it_was_drawn() -> None:
    pictures = [one.astype(np.uint8) for one in halves(5, 10, 15)]
    data = boundary.encoded(pictures, 500, 0)
    film = boundary.decoded(data)
    assert data.startswith(b"GIF89a")
    np.testing.assert_array_equal(film.frames, boundary.PALETTE[np.stack(pictures)])
    assert film.durations == [500, 500, 500]
    assert film.loop == 0
    assert boundary.decoded(boundary.encoded(pictures, 70, 4)).loop == 4


@pytest.mark.parametrize(
    ("places", "durations"), [((5, 5, 10), [1000, 500]), ((5, 10, 10, 10), [500, 1500])]
)
def test_equal_neighbours_become_one_frame(places: tuple[int, ...], durations: list[int]) -> None:
    pictures = [one.astype(np.uint8) for one in halves(*places)]
    assert boundary.decoded(boundary.encoded(pictures, 500, 0)).durations == durations


def test_a_single_picture_is_a_single_frame() -> None:
    film = boundary.decoded(boundary.encoded([halves(5)[0].astype(np.uint8)], 500, 0))
    assert film.frames.shape == (1, 10, 20, 3)
    assert film.durations == [500]


def test_the_first_frame_stands_still() -> None:
    pictures = [one.astype(np.uint8) for one in halves(5, 10, 15)]
    data = boundary.first_frame(boundary.encoded(pictures, 500, 0))
    with Image.open(io.BytesIO(data)) as image:
        assert getattr(image, "n_frames", 1) == 1
        found = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(found, boundary.PALETTE[pictures[0]])

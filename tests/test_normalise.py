import numpy as np
import pytest
from scipy import ndimage

from retrial.handwriting.normalise import (
    BOX,
    FAINT,
    INK,
    SIDE,
    STROKE,
    BlankError,
    Steps,
    centre_of_mass,
    framed,
    ink_box,
    normalised,
    resized,
    stroke_width,
    thicker,
    thinner,
    with_stroke,
)

MIDDLE = (SIDE - 1) / 2
SIZES = [(60, 60), (60, 33), (33, 60), (200, 90), (20, 20), (9, 6), (100, 3)]


def ell(height: int, width: int, pen: int) -> np.ndarray:
    """An L without margin, ink 1 on 0: its mass lies below and left of its box's middle."""
    found = np.zeros((height, width))
    found[:, :pen] = found[-pen:] = 1
    return found


def on_paper(
    shape: np.ndarray, paper: int = 230, pen: int = 40, margin: tuple[int, int] = (7, 21)
) -> np.ndarray:
    """A shape of 0…1 in ink on paper, `margin` pixels above and left of it, 12 below and right."""
    padded = np.pad(shape, ((margin[0], 12), (margin[1], 12)))
    return np.rint(paper + (pen - paper) * padded).astype(np.uint8)


def cropped(picture: np.ndarray) -> np.ndarray:
    """The smallest part of a picture beyond which it is black."""
    rows, columns = (np.flatnonzero(picture.any(axis=axis)) for axis in (1, 0))
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def sides(picture: np.ndarray) -> tuple[int, ...]:
    """Height and width of what is not black."""
    return cropped(picture).shape


@pytest.mark.parametrize("steps", [Steps(), Steps(centre="box"), Steps(box=False)])
@pytest.mark.parametrize("size", SIZES)
def test_any_picture_becomes_28_by_28(size: tuple[int, int], steps: Steps) -> None:
    found = normalised(on_paper(ell(*size, pen=3)), steps)
    assert found.shape == (28, 28)
    assert found.dtype == np.uint8


@pytest.mark.parametrize("size", SIZES)
def test_the_digit_is_fitted_into_20_by_20_with_its_proportions(size: tuple[int, int]) -> None:
    found = normalised(on_paper(ell(*size, pen=3)))
    height, width = sides(found)
    assert max(height, width) == BOX == 20
    # A side is a whole number of pixels.
    assert height == pytest.approx(20 * size[0] / max(size), abs=0.5)
    assert width == pytest.approx(20 * size[1] / max(size), abs=0.5)


def test_sides_are_rounded_to_the_nearest_pixel() -> None:
    assert sides(normalised(on_paper(ell(100, 69, pen=9)))) == (20, 14)
    assert sides(normalised(on_paper(ell(71, 100, pen=9)))) == (14, 20)


def test_a_line_thinner_than_a_pixel_is_one_pixel_wide() -> None:
    assert sides(normalised(on_paper(np.ones((100, 1))))) == (20, 1)


@pytest.mark.parametrize("size", SIZES)
def test_the_centre_of_mass_comes_to_the_middle(size: tuple[int, int]) -> None:
    found = normalised(on_paper(ell(*size, pen=1 + min(size) // 4)))
    assert ndimage.center_of_mass(found) == pytest.approx((MIDDLE, MIDDLE), abs=0.5)


def test_a_digit_that_would_leave_the_frame_stops_at_its_border() -> None:
    # Nearly all of its mass in its last two rows: the middle would be 18 rows below the top.
    shape = np.zeros((20, 20))
    shape[:, 0], shape[-2:] = 0.4, 1
    found = normalised(on_paper(shape))
    rows = np.flatnonzero(found.any(axis=1))
    assert (rows[0], rows[-1]) == (0, 19)
    assert sides(found) == (20, 20)


@pytest.mark.parametrize(("paper", "pen"), [(0, 255), (255, 0), (200, 90), (30, 120)])
def test_the_grey_of_paper_and_pen_does_not_matter(paper: int, pen: int) -> None:
    expected = normalised(on_paper(ell(50, 40, pen=5)))
    found = normalised(on_paper(ell(50, 40, pen=5), paper, pen))
    np.testing.assert_array_equal(found, expected)
    assert found[0, 0] == 0
    assert found.max() == 255


def test_the_place_on_the_paper_does_not_matter() -> None:
    one, other = (on_paper(ell(50, 40, pen=5), margin=at) for at in ((2, 60), (33, 4)))
    np.testing.assert_array_equal(normalised(one), normalised(other))


def test_the_grain_of_the_paper_is_not_ink() -> None:
    clean = on_paper(ell(60, 45, pen=6))
    grain = np.random.default_rng(0).normal(0, 4, clean.shape)
    found = normalised(np.rint(clean + grain).clip(0, 255).astype(np.uint8))
    expected = normalised(clean)
    np.testing.assert_array_equal(found > 0, expected > 0)
    assert np.abs(found.astype(int) - expected).max() < 40


@pytest.mark.parametrize("polarity", [True, False])
@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_blank_picture_is_refused(grey: int, polarity: bool) -> None:
    with pytest.raises(BlankError, match=r"^nothing stands out from the paper, expected one digit"):
        normalised(np.full((40, 30), grey, np.uint8), Steps(polarity=polarity))


@pytest.mark.parametrize("paper", [60, 200])
def test_what_hardly_stands_out_is_refused(paper: int) -> None:
    shape = ell(30, 20, pen=4)
    for pen in (paper - FAINT + 1, paper + FAINT - 1):
        for polarity in (True, False):
            with pytest.raises(BlankError):
                normalised(on_paper(shape, paper, pen), Steps(polarity=polarity))
    expected = normalised(on_paper(shape))
    for pen in (paper - FAINT - 1, paper + FAINT + 1):
        np.testing.assert_array_equal(normalised(on_paper(shape, paper, pen)), expected)


def test_paper_with_grain_alone_is_refused() -> None:
    grain = np.random.default_rng(1).integers(200, 200 + FAINT // 2, (50, 50), dtype=np.uint8)
    with pytest.raises(BlankError):
        normalised(grain)


@pytest.mark.parametrize("steps", [Steps(), Steps(centre="box"), Steps(stroke=True)])
def test_specks_that_vanish_at_the_small_size_are_refused(steps: Steps) -> None:
    specks = np.zeros((1000, 1000), np.uint8)
    specks[3, 3] = specks[900, 900] = 255
    with pytest.raises(BlankError):
        normalised(specks, steps)


def test_without_its_box_the_whole_picture_shrinks() -> None:
    shape = np.zeros((28, 28))
    shape[3:9, 20:25] = 1
    # Already of the size: nothing moves.
    whole = np.rint(255 * shape).astype(np.uint8)
    np.testing.assert_array_equal(normalised(whole, Steps(box=False)), whole)
    # Twice as large and dark on light: the digit stays at its place, of half the size.
    large = np.rint(240 - 200 * np.kron(shape, np.ones((2, 2)))).astype(np.uint8)
    found = normalised(large, Steps(box=False))
    np.testing.assert_array_equal(found > 127, shape > 0)


def test_centred_by_its_box_the_digit_has_equal_margins() -> None:
    picture = on_paper(ell(40, 40, pen=5))
    found = normalised(picture, Steps(centre="box"))
    assert found[4:24, 4:24].sum() == found.sum()
    assert sides(found) == (20, 20)
    # Its mass is elsewhere, and the default moves it.
    row, column = ndimage.center_of_mass(found)
    assert row > MIDDLE + 2
    assert column < MIDDLE - 2
    by_mass = normalised(picture)
    np.testing.assert_array_equal(np.sort(by_mass, axis=None), np.sort(found, axis=None))
    assert by_mass[4:24, 4:24].sum() < found.sum()


def test_without_polarity_light_paper_stays_light() -> None:
    shape = ell(50, 50, pen=5)
    found = normalised(on_paper(shape, margin=(12, 12)), Steps(polarity=False))
    # The paper is taken for ink: it fills the box, and the digit is dark on it.
    assert sides(found) == (20, 20)
    assert np.median(cropped(found)) > 200
    assert cropped(found).min() < 100
    # What is light on black needs no other polarity.
    light = on_paper(shape, paper=0, pen=255)
    np.testing.assert_array_equal(normalised(light, Steps(polarity=False)), normalised(light))


@pytest.mark.parametrize("pen", [3, 24])
def test_strokes_get_the_width_of_those_of_mnist(pen: int) -> None:
    picture = on_paper(ell(100, 70, pen))
    plain, found = normalised(picture), normalised(picture, Steps(stroke=True))
    before, after = (abs(stroke_width(one) - STROKE) for one in (plain, found))
    assert before > 0.8
    assert after < before / 2


def test_grown_strokes_have_their_centre_of_mass_in_the_middle() -> None:
    # A light column left of a heavy one: its mass lies right of its box's middle.
    shape = np.zeros((70, 100))
    shape[:, :5], shape[:, -5:], shape[:4] = 0.5, 1, 0.5
    found = normalised(on_paper(shape), Steps(stroke=True))
    assert sides(found)[1] > 20
    assert abs(ndimage.center_of_mass(cropped(found))[1] - (sides(found)[1] - 1) / 2) > 1.5
    assert ndimage.center_of_mass(found) == pytest.approx((MIDDLE, MIDDLE), abs=0.5)


def test_a_line_that_fills_its_box_grows_out_of_it() -> None:
    picture = on_paper(np.ones((100, 3)))
    assert sides(normalised(picture)) == (20, 1)
    found = normalised(picture, Steps(stroke=True))
    assert stroke_width(found) == pytest.approx(STROKE, abs=0.7)


def test_the_steps_are_those_of_mnist_unless_one_is_changed() -> None:
    assert Steps() == Steps(polarity=True, box=True, centre="mass", stroke=False)


def test_the_width_of_a_bar_by_hand() -> None:
    # Ink 3 · 40; the edge is the bar's, with one corner cut by the differences of neighbours.
    bar = np.zeros((50, 20), np.uint8)
    bar[5:45, 8:11] = 255
    assert stroke_width(bar) == pytest.approx(2 * 120 / (2 * 40 + 2 * 3 - 2 + np.sqrt(2)))
    # What ends at the border of the picture ends there all the same.
    assert stroke_width(bar[5:45, 8:11]) == pytest.approx(stroke_width(bar))
    assert stroke_width(bar.T) == pytest.approx(stroke_width(bar))
    assert stroke_width(np.zeros((5, 5), np.uint8)) == 0


@pytest.mark.parametrize("width", [1, 2, 3.5, 6])
def test_the_width_of_a_long_stroke_is_its_own(width: float) -> None:
    # Of a part of a pixel the edge has that part of the ink.
    profile = np.array([1.0] * int(width) + ([width % 1] if width % 1 else []))
    stroke = np.rint(255 * np.tile(profile, (2000, 1))).astype(np.uint8)
    assert stroke_width(stroke) == pytest.approx(width, rel=0.01)
    # Neither the grey of the ink nor a soft edge makes it wider.
    assert stroke_width(stroke // 3) == pytest.approx(width, rel=0.01)
    soft = np.convolve(profile, [0.5, 0.5])
    softened = np.rint(255 * np.tile(soft, (2000, 1))).astype(np.uint8)
    assert stroke_width(softened) == pytest.approx(width / soft.max(), rel=0.01)


@pytest.mark.parametrize("wanted", [2.5, 3.0, 5.0])
@pytest.mark.parametrize("width", [1, 2, 4, 6])
def test_strokes_come_nearer_to_a_width(width: int, wanted: float) -> None:
    bar = np.zeros((60, 30), np.uint8)
    bar[10:50, 10 : 10 + width] = 200
    found = with_stroke(bar, wanted)
    before, after = (abs(stroke_width(one) - wanted) for one in (bar, found))
    assert after <= before
    # Half a pixel on both sides is a step of about one.
    assert after < 0.6
    assert found.max() == 255


def test_strokes_of_the_width_are_left_as_they_are() -> None:
    bar = np.zeros((60, 30), np.uint8)
    bar[10:50, 10:13] = 255
    found = with_stroke(bar, stroke_width(bar))
    np.testing.assert_array_equal(cropped(found), cropped(bar))


def test_thicker_and_thinner_by_hand() -> None:
    dot = np.zeros((5, 5), np.uint8)
    dot[2, 2] = 200
    assert thicker(dot).tolist() == [
        [0, 0, 0, 0, 0],
        [0, 0, 100, 0, 0],
        [0, 100, 200, 100, 0],
        [0, 0, 100, 0, 0],
        [0, 0, 0, 0, 0],
    ]
    assert thicker(dot, 0.25)[2].tolist() == [0, 50, 200, 50, 0]
    assert thinner(dot)[2].tolist() == [0, 0, 100, 0, 0]
    block = np.zeros((5, 5), np.uint8)
    block[1:4, 1:4] = 200
    assert thinner(block, 0.25).tolist() == [
        [0, 0, 0, 0, 0],
        [0, 150, 150, 150, 0],
        [0, 150, 200, 150, 0],
        [0, 150, 150, 150, 0],
        [0, 0, 0, 0, 0],
    ]
    # Beyond the border it is black.
    assert thinner(np.full((3, 3), 200, np.uint8)).tolist() == [
        [100, 100, 100],
        [100, 200, 100],
        [100, 100, 100],
    ]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_what_grows_the_ink_wears_the_paper(share: float) -> None:
    # Even grey levels: half of a difference is no half level.
    ink = 2 * np.random.default_rng(2).integers(0, 127, (4, 9, 9), dtype=np.uint8)
    grown, worn = thicker(ink, share), thinner(ink, share)
    inside = np.s_[:, 1:-1, 1:-1]
    np.testing.assert_array_equal(255 - thinner(255 - ink, share)[inside], grown[inside])
    assert grown.dtype == worn.dtype == np.uint8
    assert (worn <= ink).all()
    assert (ink <= grown).all()
    changed = (grown != ink).any() and (worn != ink).any()
    assert changed == (share > 0)
    # Each picture by itself.
    np.testing.assert_array_equal(thicker(ink[1], share), grown[1])
    np.testing.assert_array_equal(thinner(ink[1], share), worn[1])


@pytest.mark.parametrize("centre", ["mass", "box"])
@pytest.mark.parametrize("size", [(20, 20), (20, 7), (1, 20), (28, 28), (27, 3), (1, 1)])
def test_a_frame_loses_nothing(size: tuple[int, int], centre: str) -> None:
    chance = np.random.default_rng(3)
    for place in ((0, 0), (-1, -1), (0, -1), (-1, 0)):
        # All of the mass in one corner pulls the digit over the border.
        digit = chance.integers(1, 3, size, dtype=np.uint8)
        digit[place] = 255
        found = framed(digit, centre)
        np.testing.assert_array_equal(cropped(found), digit)
        assert found.sum() == digit.sum()


def test_a_box_by_hand() -> None:
    ink = np.zeros((9, 12), np.uint8)
    ink[2, 5], ink[6, 3] = 250, int(INK * 250)
    # Fainter than the share of the darkest ink.
    ink[0, 0] = ink[8, 11] = int(INK * 250) - 1
    assert ink_box(ink) == (2, 7, 3, 6)
    assert ink_box(np.full((4, 3), 9, np.uint8)) == (0, 4, 0, 3)


def test_a_centre_of_mass_by_hand() -> None:
    picture = np.zeros((4, 6), np.uint8)
    picture[0, 1], picture[3, 5] = 200, 100
    assert centre_of_mass(picture) == pytest.approx((1, 7 / 3))
    assert centre_of_mass(picture) == pytest.approx(ndimage.center_of_mass(picture))


def test_another_size_keeps_the_light_of_a_picture() -> None:
    # Each new pixel is a mean: neither darker nor lighter on the whole, and nothing is skipped.
    line = np.zeros((64, 64), np.uint8)
    line[20:44, 31] = 240
    found = resized(line, 16, 8)
    assert found.shape == (16, 8)
    assert found.mean() == pytest.approx(line.mean(), rel=0.1)
    np.testing.assert_array_equal(resized(line, 64, 64), line)

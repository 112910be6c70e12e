from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage

from retrial.core.seeds import generator
from retrial.handwriting import corruptions
from retrial.handwriting.corruptions import (
    CORRUPTIONS,
    GREY,
    SEVERITIES,
    corrupted,
    linear,
    warped,
)

NAMES = list(CORRUPTIONS)
MIDDLE = 13.5


def digits(count: int = 12) -> np.ndarray:
    """Light strokes on black, no two pictures alike: a ring and a bar, 4 pixels from the border."""
    rows, columns = np.mgrid[:28, :28] - MIDDLE
    found = np.zeros((count, 28, 28))
    for at, picture in enumerate(found):
        radius = 3 + 5 * at / count
        ring = np.abs(np.hypot(rows, columns - 1) - radius)
        picture += (2.2 - ring).clip(0, 1)
        picture[4:24, 5 + at % 3 : 8 + at % 3] = 1
    return np.rint(255 * found).astype(np.uint8)


def plain(count: int, grey: int) -> np.ndarray:
    return np.full((count, 28, 28), grey, np.uint8)


def changed(name: str, pictures: np.ndarray, strength: float, seed: int = 0) -> np.ndarray:
    return CORRUPTIONS[name][0](pictures, strength, generator("test", seed))


def lean(picture: np.ndarray) -> float:
    """How the columns of the ink go with its rows."""
    rows, columns = np.mgrid[:28, :28] - MIDDLE
    return float((picture * rows * columns).sum())


def test_every_corruption_has_five_severities() -> None:
    assert SEVERITIES == 5
    assert len(NAMES) == 12
    assert {len(strengths) for _, strengths in CORRUPTIONS.values()} == {5}
    # What is called by a name is the function of that name.
    assert all(change is getattr(corruptions, name) for name, (change, _) in CORRUPTIONS.items())


@pytest.mark.parametrize("name", NAMES)
def test_the_same_pictures_become_the_same_bytes(name: str) -> None:
    pictures = digits()
    before = pictures.copy()
    first = corrupted(pictures, name, 3)
    for other in NAMES:
        corrupted(pictures[:2], other, 2)
    np.testing.assert_array_equal(corrupted(pictures, name, 3), first)
    np.testing.assert_array_equal(pictures, before)
    assert first.shape == pictures.shape
    assert first.dtype == np.uint8


@pytest.mark.parametrize("name", NAMES)
def test_a_severity_is_its_strength_with_chance_of_its_own(name: str) -> None:
    change, strengths = CORRUPTIONS[name]
    for severity, strength in enumerate(strengths, start=1):
        expected = change(digits(), strength, generator("corruptions", name))
        np.testing.assert_array_equal(corrupted(digits(), name, severity), expected)


@pytest.mark.parametrize("name", NAMES)
def test_a_worse_severity_changes_more(name: str) -> None:
    pictures = digits(40)
    changes = [
        np.abs(corrupted(pictures, name, one + 1).astype(float) - pictures).mean()
        for one in range(SEVERITIES)
    ]
    assert changes[0] > 0.5
    assert (np.diff(changes) > 0.01 * changes[-1]).all()


@pytest.mark.parametrize("name", ["shears", "Blur", ""])
def test_an_unknown_corruption_is_named(name: str) -> None:
    said = rf"^corruption '{name}': expected one of shear, scale, rotation, .*, fog$"
    with pytest.raises(ValueError, match=said):
        corrupted(digits(2), name, 1)


@pytest.mark.parametrize("severity", [0, 6, -1])
def test_a_severity_that_there_is_not_is_named(severity: int) -> None:
    with pytest.raises(ValueError, match=rf"^severity {severity}: expected 1 to 5$"):
        corrupted(digits(2), "blur", severity)


@pytest.mark.parametrize("name", ["shear", "rotation"])
def test_a_worse_picture_leans_to_the_same_side(name: str) -> None:
    bars = plain(30, 0)
    bars[:, 6:22, 12:16] = 255
    sides = np.array(
        [[np.sign(lean(one)) for one in corrupted(bars, name, severity)] for severity in (1, 3, 5)]
    )
    assert (sides == sides[0]).all()
    # Both sides occur.
    assert 5 < (sides[0] > 0).sum() < 25
    assert (sides[0] != 0).all()


def test_worse_noise_is_the_same_noise_louder() -> None:
    grey = plain(3, 128)
    one, three = (corrupted(grey, "noise", severity).astype(float) - 128 for severity in (1, 3))
    inside = np.abs(three) < 120
    np.testing.assert_allclose(three[inside], 3 * one[inside], atol=2)


def test_worse_speckle_keeps_what_was_spoilt() -> None:
    grey = plain(3, 128)
    one, five = corrupted(grey, "speckle", 1), corrupted(grey, "speckle", 5)
    spoilt = one != 128
    np.testing.assert_array_equal(five[spoilt], one[spoilt])
    assert (five != 128).sum() > 4 * spoilt.sum()


def test_a_larger_square_lies_around_the_smaller_one() -> None:
    black = plain(20, 0)
    small, large = corrupted(black, "occlusion", 1) > 0, corrupted(black, "occlusion", 5) > 0
    assert (small <= large).all()


def test_worse_fog_is_the_same_fog_denser() -> None:
    black = plain(4, 0)
    thin, dense = corrupted(black, "fog", 1).astype(float), corrupted(black, "fog", 5)
    np.testing.assert_allclose(dense, 4 * thin, atol=2.6)


def test_the_identity_gives_the_same_bytes() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    maps = linear((np.ones(5), 0, 0), (0, 1, 0))
    np.testing.assert_array_equal(warped(pictures, maps), pictures)


@pytest.mark.parametrize("side", [27, 28])
def test_whole_pixels_move_exactly_and_leave_black_behind(side: int) -> None:
    pictures = np.random.default_rng(1).integers(1, 256, (3, side, side), dtype=np.uint8)
    # Of each picture its own: the first from 2 rows above, the second from 3 columns to the right.
    found = warped(pictures, linear((1, 0, [-2, 0, 5]), (0, 1, [0, 3, -4])))
    expected = np.zeros_like(pictures)
    expected[0, 2:] = pictures[0, :-2]
    expected[1, :, :-3] = pictures[1, :, 3:]
    expected[2, :-5, 4:] = pictures[2, 5:, :-4]
    np.testing.assert_array_equal(found, expected)


def test_between_pixels_a_warp_is_bilinear() -> None:
    pictures = np.zeros((1, 6, 6), np.uint8)
    pictures[0, 2, 3] = 200
    found = warped(pictures, linear((1, 0, 0.5), (0, 1, -0.25)))[0]
    assert found[1:3, 3:5].tolist() == [[75, 25], [75, 25]]
    assert found.sum() == 200


def test_a_map_turns_about_the_middle() -> None:
    picture = np.random.default_rng(2).integers(0, 256, (1, 8, 8), dtype=np.uint8)
    # Row r of the result is column r of the picture, column c its row c from below.
    found = warped(picture, linear((0, -1, 0), (1, 0, 0)))
    np.testing.assert_array_equal(found[0], np.rot90(picture[0], -1))


def test_matrices_have_their_numbers_in_rows() -> None:
    found = linear((1, [2, 3], 4), (5, 6, [7, 8]))
    assert found.tolist() == [[[1, 2, 4], [5, 6, 7]], [[1, 3, 4], [5, 6, 8]]]
    assert linear((1, 0, 0), (0, 1, 0)).shape == (1, 2, 3)


def test_shear_moves_rows_by_their_distance_from_the_middle() -> None:
    lines = np.zeros((20, 9, 9), np.uint8)
    lines[:, :, 4] = 255
    found = changed("shear", lines, 1.0)
    either = {np.eye(9).tobytes(), np.eye(9)[::-1].tobytes()}
    assert {(one / 255).tobytes() for one in found} == either
    half = changed("shear", lines, 0.5)
    np.testing.assert_array_equal(half[:, 4], lines[:, 4])
    # Two rows from the middle is one column aside, the other way on the other side.
    aside = half[:, 2].argmax(axis=1) - 4
    assert set(aside.tolist()) == {-1, 1}
    np.testing.assert_array_equal(half[:, 6].argmax(axis=1) - 4, -aside)
    assert (half[:, [2, 6]].max(axis=2) == 255).all()


def test_scale_shrinks_about_the_middle() -> None:
    square = plain(2, 0)
    square[:, 8:20, 8:20] = 255
    square[1, 8:20, 14:20] = 0
    found = changed("scale", square, 0.5)
    expected = np.zeros_like(square)
    expected[:, 11:17, 11:17] = 255
    expected[1, 11:17, 14:17] = 0
    np.testing.assert_array_equal(found, expected)
    for to in CORRUPTIONS["scale"][1]:
        smaller = changed("scale", square[:1], to)[0]
        assert ndimage.center_of_mass(smaller) == pytest.approx((MIDDLE, MIDDLE), abs=0.01)
        sides = [np.ptp(axis) + 1 for axis in np.nonzero(smaller > 127)]
        assert sides == pytest.approx([12 * to] * 2, abs=1)


@pytest.mark.parametrize("degrees", CORRUPTIONS["rotation"][1])
def test_rotation_is_by_the_degrees_to_either_side(degrees: float) -> None:
    pictures = digits(20)
    sides = []
    for picture, found in zip(pictures, changed("rotation", pictures, degrees), strict=True):
        errors = []
        for angle in (degrees, -degrees):
            turned = ndimage.rotate(picture.astype(float), angle, reshape=False, order=1)
            errors.append(np.abs(turned - found).max())
        assert min(errors) < 1
        sides.append(int(np.argmin(errors)))
    assert set(sides) == {0, 1}


@pytest.mark.parametrize("sigma", CORRUPTIONS["blur"][1])
def test_blur_is_gaussian(sigma: float) -> None:
    line = plain(2, 0)
    line[0, :, 14] = line[1, 14] = 255
    found = changed("blur", line, sigma)
    distance = np.arange(28) - 14
    profile = np.exp(-(distance**2) / (2 * sigma**2))
    expected = 255 * profile / profile.sum()
    np.testing.assert_allclose(found[0, 14], expected, atol=0.6)
    # Along both axes, and no picture into the next one.
    np.testing.assert_array_equal(found[1], found[0].T)


def test_beyond_the_border_blur_finds_black() -> None:
    found = changed("blur", plain(1, 200), 1.0)[0]
    assert found[14, 14] == 200
    assert found[14, 0] == pytest.approx(200 * (0.5 + 0.3989 / 2), abs=2)


@pytest.mark.parametrize("deviation", [0.05, 0.1])
def test_noise_has_the_deviation(deviation: float) -> None:
    found = changed("noise", plain(30, 128), deviation).astype(float) - 128
    assert found.mean() == pytest.approx(0, abs=0.5)
    assert found.std() == pytest.approx(255 * deviation, rel=0.02)
    # Every pixel of every picture has its own.
    assert np.abs(np.corrcoef(found.reshape(30, -1))[0, 1:]).max() < 0.2


def test_noise_ends_at_black_and_white() -> None:
    found = changed("noise", np.concatenate([plain(5, 0), plain(5, 255)]), 0.5)
    # Half of it goes beyond, and does not wrap around.
    assert (found[:5] == 0).mean() == pytest.approx(0.5, abs=0.05)
    assert (found[5:] == 255).mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("share", CORRUPTIONS["speckle"][1])
def test_speckle_spoils_the_share_of_pixels(share: float) -> None:
    found = changed("speckle", plain(50, 100), share)
    for grey in (0, 255):
        assert (found == grey).mean() == pytest.approx(share / 2, rel=0.07)
    assert set(np.unique(found).tolist()) == {0, 100, 255}


def test_thin_and_thick_are_ordered() -> None:
    pictures = digits()
    steps = [
        *(changed("thin", pictures, by) for by in (1.0, 0.6, 0.2, 0.0)),
        *(changed("thick", pictures, by) for by in (0.0, 0.4, 1.2, 2.0)),
    ]
    for less, more in pairwise(steps):
        assert (less <= more).all()
    for nothing in steps[3:5]:
        np.testing.assert_array_equal(nothing, pictures)


def test_the_most_that_strokes_wear_and_grow() -> None:
    pictures = digits()
    cross = ndimage.generate_binary_structure(2, 1)
    # Whatever is one pixel from black is worn, and whatever is two from a stroke grown over.
    worn, grown = changed("thin", pictures, 1.0), changed("thick", pictures, 2.0)
    for picture, thin, thick in zip(pictures, worn, grown, strict=True):
        np.testing.assert_array_equal(thin, ndimage.grey_erosion(picture, footprint=cross))
        once = ndimage.grey_dilation(picture, footprint=cross)
        np.testing.assert_array_equal(thick, ndimage.grey_dilation(once, footprint=cross))


@pytest.mark.parametrize(
    ("name", "strength", "expected"),
    [
        ("brightness", 0.4, [102, 162, 255]),
        ("brightness", 0.0, [0, 100, 255]),
        ("contrast", 0.25, [0, 25, 64]),
        ("contrast", 0.5, [0, 50, 128]),
    ],
)
def test_light_by_hand(name: str, strength: float, expected: list[int]) -> None:
    greys = np.array([0, 100, 255], np.uint8).repeat(3).reshape(1, 3, 3)
    assert changed(name, greys, strength)[0, :, 0].tolist() == expected


@pytest.mark.parametrize("side", CORRUPTIONS["occlusion"][1])
def test_occlusion_is_one_square_on_the_middle_half(side: int) -> None:
    pictures = digits(60)
    # No pixel has the grey of the square.
    pictures[pictures == GREY] += 1
    found = changed("occlusion", pictures, side)
    tops = []
    for picture, one in zip(pictures, found, strict=True):
        rows, columns = np.nonzero(one == GREY)
        assert len(rows) == side**2
        assert np.ptp(rows) == np.ptp(columns) == side - 1
        np.testing.assert_array_equal(one[one != GREY], picture[one != GREY])
        for axis in (rows, columns):
            assert 7 <= axis.mean() + 0.5 <= 21
        tops.append((rows[0], columns[0]))
    # Along both axes the places of a picture of 28 pixels, all drawn by chance.
    assert len({top for top, _ in tops}) > 10
    assert len({left for _, left in tops}) > 10
    assert len(set(tops)) > 40


@pytest.mark.parametrize("depth", [0.2, 0.8])
def test_fog_veils_between_its_bounds(depth: float) -> None:
    black = changed("fog", plain(60, 0), depth)
    assert black.max() <= round(255 * depth)
    assert black.mean() == pytest.approx(255 * depth / 2, rel=0.05)
    # It differs within a picture and from one to the next, and smoothly.
    assert np.ptp(black, axis=(1, 2)).min() > 0.2 * 255 * depth
    assert np.std(black[:, 14, 14]) > 0.08 * 255 * depth
    assert np.abs(np.diff(black.astype(float), axis=2)).max() < 0.2 * 255 * depth
    assert (changed("fog", plain(3, 255), depth) == 255).all()


def test_fog_goes_over_the_ink() -> None:
    pictures = digits(4)
    veil = changed("fog", plain(4, 0), 0.5) / 255
    expected = 255 * (1 - (1 - pictures / 255) * (1 - veil))
    np.testing.assert_allclose(changed("fog", pictures, 0.5), expected, atol=1)


@pytest.mark.parametrize("name", NAMES)
def test_pictures_do_not_run_into_each_other(name: str) -> None:
    # The first one alone has ink; the others come out as if no picture had.
    with_ink = np.concatenate([digits(1), plain(4, 0)])
    np.testing.assert_array_equal(
        changed(name, with_ink, CORRUPTIONS[name][1][-1])[1:],
        changed(name, plain(5, 0), CORRUPTIONS[name][1][-1])[1:],
    )

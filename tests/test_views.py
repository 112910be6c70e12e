import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy import ndimage

from retrial.core.seeds import generator
from retrial.training.augmented import as_tensor
from retrial.training.views import Ranges, Views, blurred, warped

SIDE = 28
MIDDLE = (SIDE - 1) / 2
LEVEL = 9  # grey levels from a pixel to its neighbour on a ramp
NOTHING = dict.fromkeys(Ranges.model_fields, 0.0)
SOME = {"zoom": 0.1, "width": 0.1, "height": 0.1, "rotation": 10.0}
ALL = {**SOME, "flips": 0.5, "blur": 1.0, "brightness": 0.3, "gamma": 0.5}


def views(pictures: np.ndarray, seed: int = 0, **ranges: float) -> Views:
    """Views in their first epoch; steps that are not named are left out."""
    found = Views(pictures, Ranges(**{**NOTHING, **ranges}), generator("test", seed))
    found.epoch()
    return found


def shown(pictures: np.ndarray, seed: int = 0, **ranges: float) -> np.ndarray:
    """All views (n, side, side)."""
    return views(pictures, seed, **ranges).batch(np.arange(len(pictures)))[:, 0].numpy()


def noise(count: int = 40, seed: int = 0) -> np.ndarray:
    """Pictures of which no part is like another."""
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE), dtype=np.uint8)


def plain(count: int, level: int) -> np.ndarray:
    return np.full((count, SIDE, SIDE), level, np.uint8)


def points(count: int) -> np.ndarray:
    """One white pixel, as far from the border as may be."""
    found = plain(count, 0)
    found[:, SIDE // 2, SIDE // 2] = 255
    return found


def maps(count: int = 400, **ranges: float) -> np.ndarray:
    """From places in the views to places in the pictures: (n, 2, 3), x first, in pixels.

    Places count from the middle. Linear pictures are interpolated without an error, so that their
    values tell where they come from.
    """
    ramp = np.broadcast_to(LEVEL * np.arange(SIDE, dtype=np.uint8), (count, SIDE, SIDE))
    around = np.arange(9, SIDE - 9)
    y, x = (one.ravel() - MIDDLE for one in np.meshgrid(around, around, indexing="ij"))
    design = np.stack([x, y, np.ones_like(x)], axis=1)
    found = []
    for pictures in (ramp, ramp.transpose(0, 2, 1)):
        values = shown(np.ascontiguousarray(pictures), **ranges)[:, 9:-9, 9:-9]
        places = values.reshape(count, -1) * 255 / LEVEL - MIDDLE
        solved, *_ = np.linalg.lstsq(design, places.T)
        np.testing.assert_allclose(design @ solved, places.T, atol=1e-4)
        found.append(solved.T)
    return np.stack(found, axis=1)


def scales(found: np.ndarray) -> np.ndarray:
    """What maps (n, 2, 3) multiply the sides of a picture by: (n, 2), x first."""
    return 1 / np.linalg.norm(found[:, :, :2], axis=2)


def angles(found: np.ndarray) -> np.ndarray:
    """How far maps turn a picture that they scale along its own axes, in degrees."""
    return np.degrees(np.arctan2(-found[:, 0, 1], found[:, 0, 0]))


def reaches(values: np.ndarray, low: float, high: float) -> None:
    """Values lie in low…high, come near both ends, and are as often in either half."""
    room = high - low
    assert low - 1e-4 <= values.min() < low + 0.01 * room
    assert high - 0.01 * room < values.max() <= high + 1e-4
    assert abs((values > (low + high) / 2).mean() - 0.5) < 0.1


def test_without_a_step_pictures_come_back() -> None:
    pictures = noise()
    found = views(pictures)
    rows = np.array([5, 0, 6])
    assert len(found) == 40
    assert torch.equal(found.batch(rows), as_tensor(pictures[rows]))


@pytest.mark.parametrize("name", ["width", "height"])
def test_pictures_move_along_one_axis_by_a_share_of_the_side(name: str) -> None:
    found = maps(**{name: 0.1})
    along, across = (0, 1) if name == "width" else (1, 0)
    reaches(found[:, along, 2], -0.1 * SIDE, 0.1 * SIDE)
    np.testing.assert_allclose(found[:, across, 2], 0, atol=1e-4)
    np.testing.assert_allclose(found[:, :, :2], np.eye(2)[None].repeat(400, 0), atol=1e-4)


def test_zoom_scales_each_axis_by_itself_about_the_middle() -> None:
    found = maps(zoom=0.2)
    for axis in (0, 1):
        reaches(scales(found)[:, axis], 0.8, 1.2)
    assert (found[:, (0, 1), (0, 1)] > 0).all()
    np.testing.assert_allclose(found[:, (0, 1), (1, 0)], 0, atol=1e-4)
    np.testing.assert_allclose(found[:, :, 2], 0, atol=1e-4)


def test_rotation_turns_about_the_middle_and_keeps_shapes() -> None:
    found = maps(rotation=15.0)
    reaches(angles(found), -15, 15)
    linear = found[:, :, :2]
    np.testing.assert_allclose(
        linear @ linear.transpose(0, 2, 1), np.eye(2)[None].repeat(400, 0), atol=1e-4
    )
    assert (np.linalg.det(linear) > 0).all()
    np.testing.assert_allclose(found[:, :, 2], 0, atol=1e-4)


def test_a_turned_picture_is_that_of_scipy() -> None:
    pictures = noise(12)
    turned = angles(maps(12, rotation=40.0))
    for picture, angle, view in zip(pictures, turned, shown(pictures, rotation=40.0), strict=True):
        expected = ndimage.rotate(
            picture / 255, angle, reshape=False, order=1, mode="grid-constant"
        )
        np.testing.assert_allclose(view, expected, atol=1e-4)
    assert len({round(angle) for angle in turned}) > 8


def test_a_picture_that_is_scaled_and_turned_keeps_its_own_axes_at_right_angles() -> None:
    linear = maps(**SOME, flips=0.5)[:, :, :2]
    np.testing.assert_allclose((linear[:, 0] * linear[:, 1]).sum(axis=1), 0, atol=1e-4)


@pytest.mark.parametrize("flips", [0.25, 0.5, 1.0])
def test_a_flip_is_a_mirror_image_along_either_axis(flips: float) -> None:
    pictures = noise(400)
    found, whole = shown(pictures, flips=flips), pictures / 255
    sides = np.stack([whole, whole[:, :, ::-1], whole[:, ::-1], whole[:, ::-1, ::-1]])
    # The warp's places are pixels but for rounding.
    is_side = np.abs(sides - found).max(axis=(2, 3)) < 1e-5
    assert (is_side.sum(axis=0) == 1).all()
    apart = np.array([(1 - flips) ** 2, flips * (1 - flips), flips * (1 - flips), flips**2])
    np.testing.assert_allclose(is_side.mean(axis=1), apart, atol=0.07)


def test_warped_is_scipys_affine_transform() -> None:
    chance = np.random.default_rng(0)
    pictures = noise(20)
    # x first, from -1 to 1, as `warped` has it; to rows first and pixels, as scipy has it.
    drawn = np.concatenate([np.eye(2), np.zeros((2, 1))], axis=1) + chance.uniform(
        -0.5, 0.5, (20, 2, 3)
    )
    found = warped(as_tensor(pictures), torch.from_numpy(drawn.astype(np.float32)))
    assert found.shape == (20, 1, SIDE, SIDE)
    for picture, matrix, view in zip(pictures / 255, drawn, found[:, 0].numpy(), strict=True):
        linear, middle = matrix[::-1, 1::-1], np.array([MIDDLE, MIDDLE])
        offset = middle * matrix[::-1, 2] + middle - linear @ middle
        expected = ndimage.affine_transform(picture, linear, offset, order=1, mode="grid-constant")
        np.testing.assert_allclose(view, expected, atol=1e-4)


def test_beyond_the_border_a_picture_is_black() -> None:
    white = torch.ones(1, 1, SIDE, SIDE)
    # Three pixels to the left: what was at x + 3 is at x.
    found = warped(white, torch.tensor([[[1.0, 0, 3 / MIDDLE], [0, 1, 0]]]))[0, 0]
    np.testing.assert_allclose(found[:, :-3], 1, atol=1e-5)
    np.testing.assert_allclose(found[:, -3:], 0, atol=1e-5)


def test_blurred_is_scipys_gaussian_filter_with_seven_taps() -> None:
    pictures, deviations = noise(20), np.linspace(0.05, 1, 20)
    found = blurred(as_tensor(pictures), deviations)
    assert found.shape == (20, 1, SIDE, SIDE)
    for picture, deviation, view in zip(pictures / 255, deviations, found[:, 0], strict=True):
        expected = ndimage.gaussian_filter(picture, deviation, mode="constant", radius=3)
        np.testing.assert_allclose(view.numpy(), expected, atol=1e-5)
        without_end = ndimage.gaussian_filter(picture, deviation, mode="constant", radius=12)
        np.testing.assert_allclose(view.numpy(), without_end, atol=5e-3)


def test_blur_spreads_a_point_by_up_to_its_deviation_and_keeps_its_light() -> None:
    found = shown(points(400), blur=1.0)
    np.testing.assert_allclose(found.sum(axis=(1, 2)), 1, atol=1e-5)
    places = np.arange(SIDE) - SIDE // 2
    for axis in (1, 2):
        spread = np.sqrt((found.sum(axis=axis) * places**2).sum(axis=1))
        assert spread.min() == 0
        assert 0.97 < spread.max() < 1
        # A sampled Gaussian of deviation 1/2, the middle of the range, spreads by 0.464.
        assert np.median(spread) == pytest.approx(0.464, abs=0.08)


def test_the_least_blur_changes_nothing() -> None:
    pictures = as_tensor(noise(4))
    assert torch.equal(blurred(pictures, np.full(4, 0.05)), pictures)


def test_brightness_scales_light_and_is_cut_at_white() -> None:
    light = shown(plain(400, 51), brightness=0.3)
    assert (light == light[:, :1, :1]).all()
    reaches(light[:, 0, 0] * 5, 0.7, 1.3)
    # The same draws on a lighter picture: what would be above white is white.
    found = shown(plain(400, 204), brightness=0.3)
    np.testing.assert_allclose(found, np.minimum(4 * light, 1), atol=1e-6)
    assert 0.05 < (found[:, 0, 0] == 1).mean() < 0.2


def test_gamma_is_a_power_and_as_often_its_inverse() -> None:
    powers = []
    for level in (20, 100, 240):
        found = shown(plain(400, level), gamma=0.5)
        assert (found == found[:, :1, :1]).all()
        powers.append(np.log(found[:, 0, 0]) / math.log(level / 255))
    np.testing.assert_allclose(powers[1:], [powers[0]] * 2, rtol=1e-4)
    reaches(np.log(powers[0]), -math.log(1.5), math.log(1.5))
    for level in (0, 255):
        assert (shown(plain(50, level), gamma=0.5) == level / 255).all()


def test_light_is_scaled_after_gamma() -> None:
    pictures = noise(20)
    light = 5 * shown(plain(20, 51), brightness=0.3)
    expected = np.minimum(light * shown(pictures, gamma=0.5), 1)
    found = shown(pictures, brightness=0.3, gamma=0.5)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_no_two_steps_share_their_draws() -> None:
    places, middle = maps(**SOME), SIDE // 2
    drawn = [
        *scales(places).T,
        *places[:, :, 2].T,
        angles(places),
        *maps(flips=0.5)[:, (0, 1), (0, 1)].T,
        shown(points(400), blur=1.0)[:, middle, middle],
        shown(plain(400, 51), brightness=0.3)[:, 0, 0],
        shown(plain(400, 51), gamma=0.5)[:, 0, 0],
    ]
    # Of 400 independent pairs, a correlation of 0.2 is four deviations off.
    assert np.abs(np.corrcoef(drawn) - np.eye(len(drawn))).max() < 0.2


@pytest.mark.parametrize("name", list(SOME))
def test_the_draws_of_places_are_those_of_each_step_alone(name: str) -> None:
    def of_step(found: np.ndarray) -> np.ndarray:
        if name == "zoom":
            return scales(found)
        return angles(found) if name == "rotation" else found[:, int(name == "height"), 2]

    alone, together = of_step(maps(40, **{name: SOME[name]})), of_step(maps(40, **SOME))
    assert alone.std() > 0.01
    np.testing.assert_allclose(together, alone, atol=1e-3)


def test_flips_leave_the_draws_of_places_alone() -> None:
    found, known = maps(40, **SOME, flips=0.5), maps(40, **SOME)
    assert 5 < (np.linalg.det(found[:, :, :2]) < 0).sum() < 35
    np.testing.assert_allclose(np.abs(found[:, :, :2]), np.abs(known[:, :, :2]), atol=1e-4)
    np.testing.assert_allclose(found[:, :, 2], known[:, :, 2], atol=1e-3)


@pytest.mark.parametrize(("name", "other"), [("brightness", "gamma"), ("gamma", "brightness")])
def test_the_draws_of_light_are_those_of_each_step_alone(name: str, other: str) -> None:
    # In the middle of a grey picture neither places nor a blur are seen.
    middle, grey = SIDE // 2, plain(40, 51)
    alone = shown(grey, **{name: ALL[name]})[:, middle, middle]
    together = shown(grey, **{**ALL, other: 0.0})[:, middle, middle]
    assert alone.std() > 0.01
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_the_draws_of_blur_are_those_of_the_step_alone() -> None:
    pictures = noise()
    point = shown(points(40), blur=1.0)[:, SIDE // 2, SIDE // 2 :]
    with np.errstate(divide="ignore"):
        deviations = np.sqrt(1 / (2 * np.log(point[:, 0] / point[:, 1])))
    sharp = torch.from_numpy(shown(pictures, **SOME))[:, None]
    expected = blurred(sharp, np.maximum(deviations, 0.05))[:, 0].numpy()
    np.testing.assert_allclose(shown(pictures, **SOME, blur=1.0), expected, atol=1e-4)


def test_a_view_does_not_depend_on_the_batches() -> None:
    pictures, order = noise(40), generator("test", "order").permutation(40)
    whole, parts = views(pictures, **ALL), views(pictures, **ALL)
    for _ in range(2):
        at_once = whole.batch(np.arange(40))
        for rows in (order[:17], order[17:20], order[20:], order[:2]):
            assert torch.equal(parts.batch(rows), at_once[torch.from_numpy(rows)])
        # torch filters a picture by itself in another order of summation.
        one = parts.batch(order[:1])[0]
        torch.testing.assert_close(one, at_once[order[0]], rtol=0, atol=1e-6)
        whole.epoch()
        parts.epoch()


def test_epochs_and_seeds_draw_anew() -> None:
    pictures = noise()
    one, same = (views(pictures, **ALL) for _ in range(2))
    first = one.batch(np.arange(40))
    assert torch.equal(same.batch(np.arange(40)), first)
    assert torch.equal(one.batch(np.arange(40)), first)
    one.epoch()
    other = torch.from_numpy(shown(pictures, 1, **ALL))[:, None]
    for found in (one.batch(np.arange(40)), other):
        assert (found != first).flatten(1).any(dim=1).all()


@pytest.mark.parametrize("pictures", [noise(100), plain(100, 255)], ids=["noise", "white"])
def test_views_are_float32_in_range_and_leave_the_pictures_alone(pictures: np.ndarray) -> None:
    before = pictures.copy()
    found = views(pictures, **ALL).batch(np.arange(100))
    assert found.shape == (100, 1, SIDE, SIDE)
    assert found.dtype == torch.float32
    assert found.min() >= 0
    # Weights of a mean add up to 1 but for rounding.
    assert 0.9 < found.max() <= 1 + 1e-6
    found.zero_()
    np.testing.assert_array_equal(pictures, before)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in NOTHING for value in (-0.1, math.nan, math.inf, "0.1", None)),
        *((name, 1.0) for name in ("zoom", "width", "height", "brightness")),
        ("rotation", 181.0),
        ("flips", 1.1),
        # Seven taps do not hold more.
        ("blur", 1.5),
        ("shear", 0.1),
    ],
)
def test_a_range_that_cannot_be_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        Ranges.model_validate({**NOTHING, name: value})


@pytest.mark.parametrize("name", list(NOTHING))
def test_a_range_that_is_missing_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        Ranges.model_validate({key: value for key, value in NOTHING.items() if key != name})

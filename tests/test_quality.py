import numpy as np
import pytest

from retrial.adversarial.quality import Quality, quality
from retrial.images import structural_similarity


def stored(count: int = 3, channels: int = 1, side: int = 9, seed: int = 0) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return chance.integers(0, 256, (count, channels, side, side), dtype=np.uint8)


def test_every_measure_of_two_changed_values_by_hand():
    originals = np.full((1, 1, 10, 10), 100, np.uint8)
    changed = originals.copy()
    changed[0, 0, 2, 3] = 130
    changed[0, 0, 7, 7] = 60
    found = quality(changed, originals)
    # 30² + 40² = 50²; the mean square over 100 values is 25 grey levels squared.
    assert found.levels.tolist() == [40]
    assert found.linf == pytest.approx(40 / 255)
    assert found.l2 == pytest.approx(50 / 255)
    assert found.psnr == pytest.approx(20 * np.log10(255 / 5))
    assert found.changed.tolist() == [0.02]
    assert found.ssim == pytest.approx(
        structural_similarity(changed[:, 0] / 255, originals[:, 0] / 255)
    )


def test_an_equal_image_has_no_change_and_infinite_psnr():
    images = stored()
    found = quality(images, images.copy())
    assert found.psnr.tolist() == [np.inf] * 3
    assert found.ssim == pytest.approx(1)
    for name in ("linf", "l2", "levels", "changed"):
        assert getattr(found, name).tolist() == [0] * 3


def test_the_opposite_of_black_is_the_largest_change():
    black = np.zeros((1, 3, 8, 8), np.uint8)
    found = quality(255 - black, black)
    assert found.levels.tolist() == [255]
    assert found.linf.tolist() == found.changed.tolist() == [1]
    assert found.l2 == pytest.approx(np.sqrt(3 * 64))
    assert found.psnr == pytest.approx(0)


def test_a_change_downwards_does_not_wrap_around():
    low, high = np.full((1, 1, 7, 7), 3, np.uint8), np.full((1, 1, 7, 7), 250, np.uint8)
    assert quality(low, high).levels.tolist() == quality(high, low).levels.tolist() == [247]


def test_images_are_judged_each_by_itself():
    changed, originals = stored(seed=1), stored(seed=2)
    together = quality(changed, originals)
    for i in range(3):
        alone = quality(changed[i : i + 1], originals[i : i + 1])
        for name in Quality._fields:
            np.testing.assert_array_equal(getattr(together, name)[i], getattr(alone, name)[0])
            assert getattr(together, name).dtype == np.float64


def test_similarity_of_a_colour_image_is_the_mean_over_its_channels():
    changed, originals = stored(2, 3, seed=1), stored(2, 3, seed=2)
    changed[:, 1] = originals[:, 1]
    found = quality(changed, originals)
    by_channel = [quality(changed[:, c : c + 1], originals[:, c : c + 1]).ssim for c in range(3)]
    np.testing.assert_allclose(found.ssim, np.mean(by_channel, axis=0))
    assert by_channel[1] == pytest.approx(1)
    assert (found.ssim < 0.5).all()
    # A third of the values are the same; of the others one in 256 is by chance.
    assert found.changed == pytest.approx(2 / 3, abs=0.02)


def test_images_of_other_shapes_are_refused_and_both_are_named():
    message = r"\(3, 1, 9, 9\) and originals of shape \(1, 1, 9, 9\): expected equal ones"
    with pytest.raises(ValueError, match=message):
        quality(stored(), stored(1))

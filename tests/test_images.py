import numpy as np
import pytest

from retrial.images import C1, C2, edge_ratio, gradient_energy, structural_similarity


def pictures(count=3, side=12, seed=0):
    return np.random.default_rng(seed).uniform(size=(count, side, side))


def by_hand(x, y):
    """SSIM of two images, window by window."""
    found = []
    for top in range(x.shape[0] - 6):
        for left in range(x.shape[1] - 6):
            window = np.s_[top : top + 7, left : left + 7]
            a, b = x[window].ravel(), y[window].ravel()
            covariance = np.cov(a, b)
            upper = (2 * a.mean() * b.mean() + C1) * (2 * covariance[0, 1] + C2)
            lower = (a.mean() ** 2 + b.mean() ** 2 + C1) * (np.trace(covariance) + C2)
            found.append(upper / lower)
    return np.mean(found)


def test_similarity_is_the_mean_over_all_windows_within_the_image():
    x, y = pictures(seed=1), pictures(seed=2)
    expected = [by_hand(a, b) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(structural_similarity(x, y), expected, rtol=1e-10)


def test_an_image_is_most_similar_to_itself_and_symmetric_in_its_pair():
    x, y = pictures(seed=1), pictures(seed=2)
    np.testing.assert_allclose(structural_similarity(x, x), 1, rtol=1e-12)
    np.testing.assert_allclose(structural_similarity(x, y), structural_similarity(y, x))
    assert (structural_similarity(x, 1 - x) < 0).all()


def test_of_flat_images_only_the_brightness_counts():
    dark, bright = np.full((1, 8, 8), 0.25), np.full((1, 8, 8), 0.75)
    # (2·¼·¾ + 0.0001) / (1/16 + 9/16 + 0.0001); the second factor is C2 / C2.
    expected = 0.3751 / 0.6251
    np.testing.assert_allclose(structural_similarity(dark, bright), [expected], rtol=1e-9)


def test_images_of_float32_are_compared_in_float64():
    x = pictures().astype(np.float32)
    found = structural_similarity(x, x[::-1])
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, structural_similarity(x.astype(float), x[::-1]))


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match=r"\(1, 8, 8\) and \(2, 8, 8\): expected equal"):
        structural_similarity(np.zeros((1, 8, 8)), np.zeros((2, 8, 8)))
    with pytest.raises(ValueError, match=r"\(6, 8\): expected at least 7 pixels"):
        structural_similarity(np.zeros((1, 6, 8)), np.zeros((1, 6, 8)))


def test_gradient_energy_worked_by_hand():
    image = np.array([[[0.0, 1.0, 3.0], [2.0, 2.0, 2.0]]])
    # To the right 1² + 2² and none; down 2² + 1² + 1².
    assert gradient_energy(image).tolist() == [11.0]
    assert gradient_energy(np.full((2, 5, 5), 0.5)).tolist() == [0.0, 0.0]


def test_blurring_takes_edges_away_and_noise_adds_some():
    sharp = np.zeros((1, 10, 10))
    sharp[:, :, 5:] = 1
    soft = sharp.copy()
    soft[:, :, 5] = 0.5
    noisy = sharp + np.random.default_rng(0).normal(scale=0.2, size=sharp.shape)
    # One step of 1 in each of ten rows against two steps of a half.
    assert edge_ratio(soft, sharp).tolist() == [0.5]
    assert edge_ratio(noisy, sharp)[0] > 1


def test_an_original_without_edges_is_named():
    originals = pictures(3)
    originals[1] = 0.3
    with pytest.raises(ValueError, match="original 1 is one flat grey"):
        edge_ratio(pictures(3), originals)

"""Classifiers of the classic MNIST table, as LeCun, Bottou, Bengio and Haffner 1998 describe them.

Section III C of their paper: a linear classifier, a pairwise linear one, nearest neighbours, a
quadratic one on principal components, and Gaussian radial units under a linear layer. All linear
layers are solved directly, as ridge regressions in float64 from the moments of each class.
"""

from collections.abc import Callable
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve
from sklearn.cluster import KMeans
from sklearn.neighbors import NearestNeighbors

Array = NDArray[Any]
CLASSES = 10
PAIRS = tuple(combinations(range(CLASSES), 2))
BLOCK = 5000  # rows of features at a time


class Moments(NamedTuple):
    """Of each class c the sums over its rows x, a 1 put last: Σ x xᵀ and Σ x.

    products (10, d + 1, d + 1), sums (10, d + 1), both float64.
    """

    products: Array
    sums: Array


def with_one(features: Array) -> Array:
    """(n, d) as float64 (n, d + 1), the last column 1."""
    return np.hstack([features.astype(np.float64), np.ones((len(features), 1))])


def moments(features: Array, labels: Array) -> Moments:
    """The moments of features (n, d) by their labels (n,) in 0…9; a class may have no row."""
    d = features.shape[1] + 1
    found = Moments(np.zeros((CLASSES, d, d)), np.zeros((CLASSES, d)))
    for c in range(CLASSES):
        of_class = features[labels == c]
        for start in range(0, len(of_class), BLOCK):
            rows = with_one(of_class[start : start + BLOCK])
            found.products[c] += rows.T @ rows
            found.sums[c] += rows.sum(axis=0)
    return found


def ridge_solution(products: Array, right: Array, ridge: float) -> Array:
    """Weights w of (P + λ I) w = b; λ is `ridge` times the mean of P's diagonal.

    products (d, d), symmetric and not negative definite, right (d, …).
    """
    shrunk = products + ridge * np.trace(products) / len(products) * np.eye(len(products))
    found: Array = solve(shrunk, right, assume_a="pos")
    return found


def linear_weights(of: Moments, ridge: float) -> Array:
    """(d + 1, 10): least squares with a target of 1 for the own class and 0 for the others."""
    return ridge_solution(of.products.sum(axis=0), of.sums.T, ridge)


def pairwise_units(of: Moments, ridge: float) -> Array:
    """(d + 1, 45): unit i/j, i < j in lexical order, with the target +1 on class i, −1 on class j.

    Each is trained on its two classes alone.
    """
    units = [
        ridge_solution(of.products[i] + of.products[j], of.sums[i] - of.sums[j], ridge)
        for i, j in PAIRS
    ]
    return np.stack(units, axis=1)


def squashed(x: Array) -> Array:
    """1.7159 tanh(2x/3), which is ±1 at ±1: the paper's units (its Appendix A)."""
    found: Array = 1.7159 * np.tanh(2 * x / 3)
    return found


def pairwise_classes(
    features: Array, units: Array, squash: Callable[[Array], Array] | None = None
) -> Array:
    """The class (n,) uint8 with the largest score of features (n, d) under units (d + 1, 45).

    The score of a class is the sum of the units i/x less that of the units y/i, each through
    `squash`.
    """
    signs = np.zeros((len(PAIRS), CLASSES))
    for unit, (i, j) in enumerate(PAIRS):
        signs[unit, i], signs[unit, j] = 1, -1
    found = []
    for start in range(0, len(features), BLOCK):
        outputs = with_one(features[start : start + BLOCK]) @ units
        found.append(((outputs if squash is None else squash(outputs)) @ signs).argmax(axis=1))
    return np.concatenate(found).astype(np.uint8)


def largest(features: Array, weights: Array) -> Array:
    """The class (n,) uint8 of the largest score of features (n, d) under weights (d + 1, 10)."""
    found = [
        (with_one(features[start : start + BLOCK]) @ weights).argmax(axis=1)
        for start in range(0, len(features), BLOCK)
    ]
    return np.concatenate(found).astype(np.uint8)


def neighbour_classes(rows: Array, labels: Array, tests: Array, k: int) -> Array:
    """The labels (m, k) of the k nearest rows (n, d) of each test (m, d), the nearest first.

    Euclidean; pixels as whole numbers, whose distances are exact in float64.
    """
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(rows.astype(np.float64))
    found: Array = labels[search.kneighbors(tests.astype(np.float64), return_distance=False)]
    return found


def boxes(rows: Array, side: int) -> Array:
    """Digits (n, 784) cut to the box of their ink, each in the middle of side × side pixels.

    (n, side²). Of a box that is larger what lies beyond is lost; an empty image stays empty.
    """
    images = rows.reshape(-1, 28, 28)
    found = np.zeros((len(images), side, side), rows.dtype)
    for image, place in zip(images, found, strict=True):
        down, right = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
        if len(down):
            box = image[down[0] : down[-1] + 1, right[0] : right[-1] + 1][:side, :side]
            top, left = ((side - length) // 2 for length in box.shape)
            place[top : top + box.shape[0], left : left + box.shape[1]] = box
    return found.reshape(len(images), -1)


def vote(nearest: Array) -> Array:
    """The class (m,) uint8 with most votes in each row (m, k); of tied ones that of the nearest."""
    counts = (nearest[:, :, None] == nearest[:, None, :]).sum(axis=2)
    # The first of the largest counts: the nearest neighbour that has it.
    chosen: Array = nearest[np.arange(len(nearest)), counts.argmax(axis=1)]
    return chosen.astype(np.uint8)


def quadratic(features: Array) -> Array:
    """All products of pairs of features (n, d), squares among them: (n, d(d + 1)/2)."""
    first, second = np.triu_indices(features.shape[1])
    return features[:, first] * features[:, second]


def principal_components(rows: Array, tests: Array, count: int) -> tuple[Array, Array]:
    """Rows (n, d) and tests (m, d) on the first `count` principal components of the rows, float32.

    By eigenvectors of the covariance in float64, the largest eigenvalue first; signs are as they
    come.
    """
    products, total = np.zeros((rows.shape[1],) * 2), np.zeros(rows.shape[1])
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK].astype(np.float64)
        products += block.T @ block
        total += block.sum(axis=0)
    mean = total / len(rows)
    _, vectors = np.linalg.eigh(products / len(rows) - np.outer(mean, mean))
    components = vectors[:, : -count - 1 : -1]
    return _projected(rows, mean, components), _projected(tests, mean, components)


def _projected(rows: Array, mean: Array, components: Array) -> Array:
    found = [
        ((rows[start : start + BLOCK] - mean) @ components).astype(np.float32)
        for start in range(0, len(rows), BLOCK)
    ]
    return np.concatenate(found)


def class_centres(rows: Array, labels: Array, count: int, seed: int) -> Array:
    """`count` centres of each class by k-means on its rows (n, d): (10 · count, d) float32.

    A class with fewer rows has as many centres as rows. `seed`, below 2³², chooses the first ones.
    """
    found = []
    for c in np.unique(labels):
        of_class = rows[labels == c].astype(np.float32)
        means = KMeans(min(count, len(of_class)), n_init=1, random_state=seed).fit(of_class)
        found.append(means.cluster_centers_)
    return np.concatenate(found).astype(np.float32)


def squared_distances(a: Array, b: Array) -> Array:
    """Squared Euclidean distances (n, m) of a (n, d) and b (m, d), not below 0."""
    products = a @ b.T
    squares = np.einsum("ij,ij->i", a, a)[:, None] - 2 * products + np.einsum("ij,ij->i", b, b)
    return np.maximum(squares, 0)


def unit_width(centres: Array) -> float:
    """The mean distance of a centre to the nearest other one (Moody and Darken 1989)."""
    apart = squared_distances(centres.astype(np.float64), centres.astype(np.float64))
    np.fill_diagonal(apart, np.inf)
    return float(np.sqrt(apart.min(axis=1)).mean())


def radial(features: Array, centres: Array, width: float) -> Array:
    """exp(−‖x − c‖² / 2 width²) of features (n, d) for all centres (m, d): (n, m) float32."""
    found = [
        np.exp(squared_distances(features[start : start + BLOCK], centres) / (-2 * width**2))
        for start in range(0, len(features), BLOCK)
    ]
    return np.concatenate(found).astype(np.float32)

"""Paired tests for models without seeds: exact McNemar, and the corrected resampled t."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from retrial.core.errors import RetrialError
from retrial.statistics.intervals import finite, sample_sd, two_sided_p


def disagreements(correct_a: ArrayLike, correct_b: ArrayLike) -> tuple[int, int]:
    """How many images only A gets right, and only B, from booleans (m,) on the same images."""
    a, b = np.asarray(correct_a), np.asarray(correct_b)
    if a.ndim != 1 or a.shape != b.shape or a.dtype != np.bool_ or b.dtype != np.bool_:
        raise RetrialError(
            f"correctness of shapes {a.shape} and {b.shape}, types {a.dtype} and {b.dtype}:"
            " expected booleans (m,) on the same images"
        )
    return int((a & ~b).sum()), int((b & ~a).sum())


def mcnemar_exact(only_a: int, only_b: int) -> float:
    """Two-sided exact McNemar p from the images that only A, and only B, gets right.

    Binomial(only_a + only_b, 1/2), both tails; 1 where the models never disagree.
    """
    if only_a < 0 or only_b < 0:
        raise RetrialError(f"disagreements {only_a} and {only_b}: expected counts of at least 0")
    fewer, total = min(only_a, only_b), only_a + only_b
    return min(1.0, 2 * float(special.bdtr(fewer, total, 0.5)))


def smallest_mcnemar_p(correct_a: int, correct_b: int, m: int) -> float:
    """Smallest exact McNemar p that any pattern of disagreements gives for two counts of m.

    The difference of the counts fixes only_a − only_b; each further pair of opposite disagreements
    moves the binomial towards its middle, so nested errors (the worse model is right only where the
    better one is) give the smallest p, 2^(1−|a−b|).
    """
    if not (0 <= correct_a <= m and 0 <= correct_b <= m):
        raise RetrialError(
            f"{correct_a} and {correct_b} correct of {m}: expected 0 <= correct <= m"
        )
    return mcnemar_exact(abs(correct_a - correct_b), 0)


class ResampledT(NamedTuple):
    """Corrected resampled t: mean difference, standard error, t, degrees of freedom, p."""

    mean: float
    se: float
    t: float
    df: int
    p: float


def corrected_resampled_t(differences: ArrayLike, n_train: int, n_test: int) -> ResampledT:
    """Test of cross-validated score differences (k·r,), k folds repeated r times.

    The variance takes the factor 1/(k·r) + n_test/n_train, since the folds share training images
    (Nadeau and Bengio 2003). n_train, n_test: images in the training and test part of one fold.
    """
    d = finite(differences, "differences")
    if len(d) < 2 or n_train < 1 or n_test < 1:
        raise RetrialError(
            f"resampled t of {len(d)} differences, {n_train} training and {n_test} test images:"
            " expected at least 2, 1 and 1"
        )
    mean, sd, df = float(d.mean()), sample_sd(d), len(d) - 1
    if sd == 0:
        mean = float(d[0])
        t = math.copysign(math.inf, mean) if mean else 0.0
        return ResampledT(mean, 0.0, t, df, 0.0 if mean else 1.0)
    se = sd * math.sqrt(1 / len(d) + n_test / n_train)
    return ResampledT(mean, se, mean / se, df, two_sided_p(mean / se, df))

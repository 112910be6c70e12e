"""Cross-entropy and squared error of one probability, and what each says of a wrong one.

Report 003, exercise 2: y is 0 or 1, p the probability that is given to 1. Both formulas are worked
in float64 on random numbers, beside other ways to the same quantity.
"""

from fractions import Fraction
from typing import Any, NamedTuple

import mpmath
import numpy as np
from numpy.typing import NDArray
from scipy import special

from retrial.nets.brier import SoftmaxBrier
from retrial.nets.dense import SoftmaxCrossEntropy

Array = NDArray[Any]

# Digits of exact work, and decimals of a difference: beyond these, the rounding of one library's
# logarithm or another's would enter the records.
DIGITS, DECIMALS = 40, 12


def binary_cross_entropy(y: Array, p: Array) -> float:
    """-(1/N) Σ (y log p + (1 - y) log(1 - p)) in nats: y (N,) of 0 and 1, p (N,) in (0, 1)."""
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log1p(-p)))


def mean_squared_error(y: Array, found: Array) -> float:
    """(1/N) Σ (y - ŷ)² of two arrays (N,)."""
    return float(np.mean((y - found) ** 2))


def log_likelihood(y: Array, p: Array) -> float:
    """Mean logarithm of the probability of y (N,) in N Bernoulli draws with parameters p (N,).

    The probability is a product of rational numbers, exact, and its logarithm has forty digits.
    """
    product = Fraction(1)
    for one, given in zip(y.tolist(), p.tolist(), strict=True):
        product *= Fraction(given) if one else 1 - Fraction(given)
    with mpmath.workdps(DIGITS):
        logarithm = mpmath.log(mpmath.mpf(product.numerator) / product.denominator)
    return float(logarithm) / len(y)


def mean_square(y: Array, found: Array) -> float:
    """The mean of (y - ŷ)² in exact rational numbers, rounded once."""
    pairs = zip(y.tolist(), found.tolist(), strict=True)
    return float(sum((Fraction(a) - Fraction(b)) ** 2 for a, b in pairs) / len(y))


def formula_differences(draws: int, samples: int, chance: np.random.Generator) -> dict[str, float]:
    """Largest absolute difference of each formula from other ways to the same, over random draws.

    `cross_entropy`: from minus the log-likelihood; `squared_error`: from exact arithmetic, on real
    numbers; either `_library`: from scikit-learn's `log_loss` and `mean_squared_error`; `_network`:
    from a network's loss on two logits, of which the squared error is twice the formula.
    """
    # scikit-learn takes longer to load than a stage to begin, and only workers compare.
    from sklearn import metrics

    found: dict[str, float] = {}
    for _ in range(draws):
        logits = chance.normal(size=(samples, 2))
        y, p = chance.integers(0, 2, samples), special.expit(logits[:, 1] - logits[:, 0])
        real, guessed = chance.normal(size=(2, samples))
        entropy, square = binary_cross_entropy(y, p), mean_squared_error(real, guessed)
        losses = [
            kind(samples, 2, np.float64).forward(logits, y)
            for kind in (SoftmaxCrossEntropy, SoftmaxBrier)
        ]
        apart = {
            "cross_entropy": entropy + log_likelihood(y, p),
            "cross_entropy_library": entropy - metrics.log_loss(y, p, labels=[0, 1]),
            "cross_entropy_network": entropy - losses[0],
            "squared_error": square - mean_square(real, guessed),
            "squared_error_library": square - metrics.mean_squared_error(real, guessed),
            "squared_error_network": mean_squared_error(y, p) - losses[1] / 2,
        }
        for name, difference in apart.items():
            found[name] = max(found.get(name, 0.0), round(abs(float(difference)), DECIMALS))
    return found


def probability(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """σ(logit): what the wrong one of two classes is given by the difference of their logits."""
    found: NDArray[np.float64] = special.expit(logits)
    return found


class Shape(NamedTuple):
    """A loss (points,) of one wrong example, and its derivative by the logit (points,)."""

    loss: NDArray[np.float64]
    slope: NDArray[np.float64]


def wrong_cross_entropy(logits: NDArray[np.float64]) -> Shape:
    """-log(1 - p) for p = σ(logit) given to the wrong one of two classes; its slope is p."""
    return Shape(np.logaddexp(0, logits), probability(logits))


def wrong_squared_error(logits: NDArray[np.float64]) -> Shape:
    """p² for p = σ(logit) given to the wrong one of two classes; its slope is 2 p² (1 - p)."""
    p = probability(logits)
    return Shape(p**2, 2 * p**2 * probability(-logits))

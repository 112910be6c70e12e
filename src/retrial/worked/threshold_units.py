"""Networks of threshold units: layers that are 1 where a weighted sum is above 0, and grids."""

from collections.abc import Sequence

import numpy as np

# Weights (units, inputs) and biases (units).
Layer = tuple[np.ndarray, np.ndarray]


def fires(network: Sequence[Layer], points: np.ndarray) -> np.ndarray:
    """(n, units) zeros and ones of the last layer, for (n, inputs) points.

    A unit is 1 where its weighted sum and bias are above 0, and 0 where they are not.
    """
    a = points
    for weights, biases in network:
        a = (a @ weights.T + biases > 0).astype(float)
    return a


def grid(reach: int, per_unit: int) -> np.ndarray:
    """(n, 2) points over [−reach, reach]², row by row from the bottom, `per_unit` to the unit."""
    steps = np.arange(-reach * per_unit, reach * per_unit + 1) / per_unit
    x, y = np.meshgrid(steps, steps)
    return np.column_stack([x.ravel(), y.ravel()])

"""A network of threshold units that tells three classes apart (report 000, Q1 c).

The figure of the network and of its regions is lost. Rebuilt from the text: a unit of the last
layer has a very small bias ε and inhibitory inputs, so that it is active only if both its inputs
are 0; exactly one unit of that layer is active for every point. Layer 1 tests three half-planes,
layer 2 builds the regions of x and o, of which o is strongly inhibited where x is; layer 3 adds the
third class, the triangles, wherever neither is. Proved by the definition of the regions on a grid
with points on all boundaries, and over all patterns that layer 1 can give.
"""

from fractions import Fraction
from itertools import product

import numpy as np

from retrial.core.models import Count, FrozenModel, Positive
from retrial.worked.sheet import Line, Sheet, Slip
from retrial.worked.threshold_units import Layer, fires, grid

# Half-planes: x₁ > x₂, x₁ > −x₂ and 2x₂ > x₁ + 1.
HALF_PLANES: Layer = (
    np.array([[1.0, -1.0], [1.0, 1.0], [-1.0, 2.0]]),
    np.array([0.0, 0.0, -1.0]),
)
# x: both of the first two; o: the third, unless both of the first two.
REGIONS: Layer = (np.array([[1.0, 1.0, 0.0], [-1.0, -1.0, 2.0]]), np.array([-1.5, -0.5]))


class Given(FrozenModel):
    """The small bias ε, and a grid over [−reach, reach]² with `per_unit` points to the unit.

    A power of two for `per_unit` makes every sum exact, so that points on a boundary are on it.
    `finer` is how many times finer the drawn map is.
    """

    epsilon: Positive
    reach: Count
    per_unit: Count
    finer: Count


def sheet(given: Given, chance: np.random.Generator) -> Sheet:
    """What the network says on the whole grid, against the definition of the regions."""
    points = grid(given.reach, given.per_unit)
    defined = np.array([defined_class(Fraction(a), Fraction(b)) for a, b in points.tolist()])
    network = (HALF_PLANES, REGIONS, last_layer(given.epsilon))
    inputs = np.array(list(product((0.0, 1.0), repeat=2)))
    patterns = np.array(list(product((0.0, 1.0), repeat=3)))
    exact = {
        "epsilon": given.epsilon,
        "network": network,
        "points": points,
        "inputs": inputs,
        "patterns": patterns,
        "per_unit": given.per_unit,
    }
    lines = {
        "both_zero": Line(
            r"[\,\varepsilon - u_1 - u_2 > 0\,] = [\,u_1 = u_2 = 0\,], \quad "
            r"u_1, u_2 \in \{0, 1\}, \quad 0 < \varepsilon \le 1",
            lambda v: fires([v.network[2]], v.inputs)[:, 2],
            [not (a or b) for a, b in inputs.tolist()],
            (
                Slip(
                    "no_epsilon",
                    "The small bias is left out: the unit then is never active.",
                    lambda v: fires([last_layer(0.0)], v.inputs)[:, 2],
                ),
                Slip(
                    "excitatory",
                    "The inputs excite the unit instead of inhibiting it.",
                    lambda v: fires([(-v.network[2][0], v.network[2][1])], v.inputs)[:, 2],
                ),
            ),
        ),
        "widest": Line(
            r"\max \varepsilon = \min_i |w_i|",
            lambda v: np.abs(v.network[2][0][2]).min(),
            # By trial, in steps of 1/16.
            max(k / 16 for k in range(1, 49) if only_both_zero(k / 16)),
            (
                Slip(
                    "sum_of_weights",
                    "The inhibitory weights are added up: one active input then is too weak to "
                    "silence the unit.",
                    lambda v: np.abs(v.network[2][0][2]).sum(),
                ),
            ),
        ),
        "active": Line(
            r"\sum_{k=1}^{3} y_k = 1 \;\text{for all}\; h \in \{0, 1\}^3",
            lambda v: fires(v.network[1:], v.patterns).sum(axis=1),
            np.ones(len(patterns)),
            (
                Slip(
                    "no_inhibition",
                    "The strong inhibition of the unit o by the half-planes of x is dropped: both "
                    "are active where their regions meet.",
                    lambda v: fires([uninhibited(), v.network[2]], v.patterns).sum(axis=1),
                ),
                Slip(
                    "wide_epsilon",
                    "The bias is larger than an inhibitory weight: the third unit stays active "
                    "beside another one.",
                    lambda v: fires([v.network[1], last_layer(1.0 + v.epsilon)], v.patterns)
                    .sum(axis=1),
                ),
            ),
        ),
        "outputs": Line(
            r"y(x) = \text{the unit vector of the region of}\; x",
            lambda v: fires(v.network, v.points),
            np.eye(3)[defined],
            (
                Slip(
                    "boundary_included",
                    "Units are active at their threshold too: the half-planes contain their "
                    "boundaries.",
                    # Half a step of the grid's sums: above it what was at 0, and nothing else.
                    lambda v: fires(
                        [(v.network[0][0], v.network[0][1] + 0.5 / v.per_unit), *v.network[1:]],
                        v.points,
                    ),
                ),
            ),
        ),
        "most_and_fewest": Line(
            r"\left[\min_x \sum_k y_k(x),\; \max_x \sum_k y_k(x)\right]",
            lambda v: [v.outputs.sum(axis=1).min(), v.outputs.sum(axis=1).max()],
            [1, 1],
        ),
        "grid_points": Line(
            r"\text{points of the grid}",
            lambda v: len(v.outputs),
            (2 * given.reach * given.per_unit + 1) ** 2,
        ),
        "on_boundary": Line(
            r"\text{points on the boundary of a half-plane}",
            lambda v: np.any(v.points @ v.network[0][0].T + v.network[0][1] == 0, axis=1).sum(),
            sum(
                a == b or a == -b or 2 * b == a + 1
                for a, b in ((Fraction(a), Fraction(b)) for a, b in points.tolist())
            ),
        ),
    }  # fmt: skip
    fine = grid(given.reach, given.per_unit * given.finer)
    arrays = {
        "map": np.argmax(fires(network, fine), axis=1).astype(np.uint8),
        "grid_classes": defined.astype(np.uint8),
        "grid": points,
        "half_planes": np.column_stack(HALF_PLANES),
    }
    for i, (weights, biases) in enumerate(network):
        arrays |= {f"weights_{i + 1}": weights, f"biases_{i + 1}": biases}
    return Sheet(exact, lines, arrays)


def last_layer(epsilon: float) -> Layer:
    """The units of x and o handed on, and a third one with the bias ε that both inhibit."""
    weights = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    return weights, np.array([-0.5, -0.5, epsilon])


def uninhibited() -> Layer:
    """The second layer with the weights that inhibit the unit o dropped."""
    weights, biases = REGIONS
    return np.where(weights < 0, 0, weights), biases


def only_both_zero(epsilon: float) -> bool:
    """Whether the third unit is active for two zeros and for nothing else, by trying all."""
    return [[epsilon - a - b > 0 for a in (0, 1)] for b in (0, 1)] == [[True, False], [False] * 2]


def defined_class(a: Fraction, b: Fraction) -> int:
    """The class of a point: x (0) where a > |b|, o (1) above the third line, triangle (2) else."""
    if a > abs(b):
        return 0
    return 1 if b > (a + 1) / 2 else 2

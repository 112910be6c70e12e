"""Section 5 of report 000: known counts, Lagrange's identity, the edges of the bound."""

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from retrial.worked import explicit_kernels as kernels
from retrial.worked import kernel_theorems as theorems
from retrial.worked.sheet import worked_out

GIVEN = theorems.Given(
    inputs=2, pairs=3, samples=4, entries=3, degree=3, gamma=0.25, series=14, ridge=0.5,
    most_inputs=3, most_degree=2,
)  # fmt: skip


def test_lagranges_identity_holds_for_all_numbers():
    """Both sides have degree 2 in each of the six numbers: three values of each decide."""
    for numbers in product((Fraction(-1), Fraction(0), Fraction(1)), repeat=6):
        a, b = numbers[:3], numbers[3:]
        right = theorems.dot(a, a) * theorems.dot(b, b) - theorems.dot(a, b) ** 2
        assert theorems.crossed(a, b) == 2 * right


def test_the_sum_that_the_report_starts_from_is_zero():
    assert theorems.crossed([Fraction(3), Fraction(-2)], [Fraction(3), Fraction(-2)]) == 0
    assert theorems.crossed([Fraction(3), Fraction(-2)], [Fraction(1), Fraction(4)]) == 2 * 14**2


@pytest.mark.parametrize(("inputs", "degree", "expected"), [(1, 4, 5), (2, 2, 6), (3, 3, 20)])
def test_monomials_up_to_a_degree(inputs, degree, expected):
    found = kernels.exponents(inputs, degree)
    assert len(set(found)) == len(found) == expected
    assert max(map(sum, found)) == degree


def test_multinomial_coefficients():
    assert kernels.multinomial((2, 1, 1)) == 12
    assert kernels.multinomial((0, 3)) == 1


def test_the_map_of_a_square():
    """(1 + xy)² = 1 + 2xy + x²y²."""
    given = GIVEN.model_copy(update={"inputs": 1, "degree": 2})
    found = kernels.explicit("polynomial", given)(np.array([[3.0]]))
    assert found[0] == pytest.approx([1, math.sqrt(2) * 3, 9])


def test_multiplications_are_counted():
    assert theorems.by_kernel(3, 1) == 3
    assert theorems.by_kernel(3, 4) == 6
    assert theorems.by_map(10) == 10


def test_a_kernel_value_always_takes_fewer_multiplications_than_the_map():
    for inputs, degree in product(range(1, 9), range(1, 6)):
        features = len(kernels.exponents(inputs, degree))
        assert theorems.by_kernel(inputs, degree) < theorems.by_map(features)


def test_a_matrix_of_kernel_values_outgrows_the_mapped_points():
    assert theorems.crossover(10) == 11


def test_which_inputs_a_kernel_depends_on():
    x, y = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])
    assert theorems.sensitive(lambda p, q: p[1] * q[1], x, y) == [0, 1, 0]
    assert theorems.sensitive(lambda p, q: p.sum() * q.sum(), x, y) == [1, 1, 1]


def test_the_rbf_map_has_length_one():
    x = np.array([[0.3, -0.9], [1.0, 1.0], [0.0, 0.0]])
    assert np.linalg.norm(kernels.explicit("rbf", GIVEN)(x), axis=1) == pytest.approx(1)


def test_the_bound_is_reached_by_parallel_vectors():
    linear = kernels.kernel("linear", GIVEN)
    x = np.array([0.3, -0.9])
    assert linear(x, -2 * x) ** 2 == pytest.approx(linear(x, x) * linear(-2 * x, -2 * x))


def test_a_squared_distance_breaks_the_bound():
    """What is not an inner product of a map need not obey it."""
    x, y = np.array([0.0, 1.0]), np.array([1.0, 0.0])

    def distance(p, q):
        return ((p - q) ** 2).sum()

    assert distance(x, y) ** 2 > distance(x, x) * distance(y, y)


def test_the_mean_of_one_point_is_as_long_as_the_point():
    sheet = theorems.sheet(GIVEN.model_copy(update={"samples": 1}), np.random.default_rng(0))
    x = sheet.given["points"][0]
    expected = [np.linalg.norm(x), (1 + x @ x) ** 1.5, 1.0]
    assert worked_out(sheet)["mean_norm"] == pytest.approx(expected)

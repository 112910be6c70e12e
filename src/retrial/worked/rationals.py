"""Vectors of rationals."""

from collections.abc import Sequence
from fractions import Fraction

import mpmath

from retrial.worked.sheet import number

Vector = Sequence[Fraction]


def dot(left: Vector, right: Vector) -> Fraction:
    """The inner product."""
    return sum(products(left, right), Fraction(0))


def products(left: Vector, right: Vector) -> list[Fraction]:
    """The products, entry by entry."""
    return [a * b for a, b in zip(left, right, strict=True)]


def mean(values: Vector) -> Fraction:
    """The mean of the entries."""
    return sum(values, Fraction(0)) / len(values)


def length(v: Vector) -> mpmath.mpf:
    """The Euclidean length."""
    return mpmath.sqrt(number(dot(v, v)))


def rank(matrix: Sequence[Vector]) -> int:
    """The rank of a matrix, by elimination."""
    rows, found = [list(row) for row in matrix], 0
    for column in range(len(rows[0])):
        pivot = next((row for row in rows if row[column]), None)
        if pivot is None:
            continue
        found += 1
        rows = [
            [a - row[column] / pivot[column] * b for a, b in zip(row, pivot, strict=True)]
            for row in rows
            if row is not pivot
        ]
    return found

"""The maps of report 000, 4.2: margins worked by hand, and the condition on any two classes."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from retrial.worked import mapped_points as maps

LINE = maps.Interval(centre=4.0, inner=(3.0, 5.0), outer=(2.0, 6.0), alpha=3.7)


def rings(**changes):
    values = {"inner": (1.0,), "outer": (2.0,), "per_ring": 8, "centre": (0.2, 0.2)}
    return maps.Rings(**{**values, **changes})


@pytest.mark.parametrize(
    ("alpha", "expected"),
    # Mapped by 3.7: 0.7 and 1.3 within, 1.7 and 2.3 outside. By 3: 0 and 2 within, 1 and 3 outside.
    [(4.0, 0.5), (3.7, 0.2), (4.3, 0.2), (3.5, 0.0), (3.0, -0.5)],
)
def test_margin_on_a_line(alpha, expected):
    found = maps.margin(np.array(LINE.inner), np.array(LINE.outer), maps.from_alpha(alpha))
    assert found == pytest.approx(expected, abs=1e-12)


def test_margin_when_the_outer_class_comes_first():
    found = maps.margin(np.array([5.0, 6.0]), np.array([0.0, 1.0]), maps.from_alpha(0.0))
    assert found == 2.0


whole = st.integers(0, 20)


@given(whole, st.integers(1, 20), whole, st.integers(1, 20), st.integers(-20, 120))
def test_a_line_is_separated_between_two_midpoints(left, below, width, above, alpha):
    """Also where the data have no symmetry: α between the midpoints of the two far pairs."""
    inner = np.array([left + below, left + below + width])
    outer = np.array([left, left + below + width + above])
    from_left, to_right = (outer[0] + inner[1]) / 2, (outer[1] + inner[0]) / 2
    separated = maps.margin(inner, outer, maps.from_alpha(alpha / 2)) > 0
    assert separated == (from_left < alpha / 2 < to_right)


def test_no_centre_beats_the_origin():
    data = rings(per_ring=32)
    best = maps.margin(*maps.placed(data), maps.from_centre((0.0, 0.0)))
    around = [maps.along((x, y), 0.05) for x, y in maps.ring(1.0, 16)]
    assert all(maps.margin(*maps.placed(data), maps.from_centre(v)) < best for v in around)


def test_pairs_that_meet_on_a_line():
    points = maps.Interval(centre=4.0, inner=(3.0, 4.0, 5.0), outer=(1.0, 2.0, 6.0), alpha=3.7)
    assert maps.mirrored(points, Fraction(4)) == 2
    assert maps.mirrored(points, Fraction(7, 2)) == 3
    assert maps.mirrored_across(points, Fraction(7, 2)) == 1
    assert maps.mirrored(points, Fraction(37, 10)) == 0


def test_pairs_that_meet_on_one_ring_of_eight():
    """All 28 at the origin; on the diagonal two points are alone and six are three pairs."""
    data = rings(outer=())
    assert maps.same_radius(data) == 28
    assert maps.reflected(data) == 3
    assert maps.together(maps.ring(1.0, 8), np.empty((0, 2)), maps.from_centre((0.1, 0.1))) == 3
    assert maps.together(maps.ring(1.0, 8), np.empty((0, 2)), maps.from_centre((0.1, 0.23))) == 0


def test_points_of_two_classes_meet_on_their_bisector():
    one, other = np.array([[0.0, 0.0]]), np.array([[2.0, 0.0], [0.0, 4.0]])
    assert maps.bisected(one, other, (1.0, 5.0)) == 1
    assert maps.bisected(one, other, (1.0, 2.0)) == 2
    assert maps.bisected(one, other, (0.5, 0.5)) == 0


def test_mirror_image():
    assert maps.mirror(np.array([3.0, 1.0]), np.array([0.2, 0.2])) == pytest.approx([1.0, 3.0])


def test_edge_of_a_margin():
    assert maps.edge(lambda x: 2 - x * x, 0.0, 5.0) == pytest.approx(math.sqrt(2))
    with pytest.raises(ValueError, match="does not change its sign"):
        maps.edge(lambda x: 1.0, 0.0, 5.0)


def test_reflections_need_a_centre_on_the_diagonal():
    with pytest.raises(ValueError, match="diagonal"):
        maps.reflected(rings(centre=(0.2, 0.3)))


def test_rings_need_points_in_the_direction_of_the_centre():
    with pytest.raises(ValidationError, match="multiple of 8"):
        rings(per_ring=12)

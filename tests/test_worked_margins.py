"""Margins of a given linear classifier."""

import numpy as np
import pytest

from retrial.worked import margins
from retrial.worked.sheet import worked_out

GIVEN = {
    "w": (3.0, 4.0), "b": -5.0, "x": (7.0, -1.0, 1.0), "y": (1, -1, -1), "reach": 5.0,
    "query": (1.0, 0.5),
}  # fmt: skip


def sheet(chance, **changes):
    return margins.sheet(margins.Given(**GIVEN | changes), np.random.default_rng(chance))


@pytest.mark.parametrize(
    ("point", "distance"), [((3, 4), 4.0), ((0, 0), -1.0), ((-1, 2), 0.0), ((7, 1), 4.0)]
)
def test_the_distance_from_a_line_by_hand(point, distance):
    # 3a + 4b = 5 is 1 away from the origin, on the far side from (3, 4).
    found = margins.signed_distances(np.array([3.0, 4.0]), -5.0, np.array([point], float))
    np.testing.assert_allclose(found, [distance], atol=1e-12)


def test_second_coordinates_matter_only_where_their_weight_is_not_zero():
    def geometric(chance, w):
        return [float(one) for one in worked_out(sheet(chance, w=w))["geometric"]]

    assert geometric(0, (-2.0, 0.0)) == geometric(1, (-2.0, 0.0))
    assert geometric(0, (-2.0, 1.0)) != geometric(1, (-2.0, 1.0))


def test_a_sample_on_the_wrong_side_has_a_negative_margin_and_is_the_least():
    values = worked_out(sheet(0, w=(1.0, 0.0), b=0.0))
    assert [float(one) for one in values["geometric"]] == [7, 1, -1]
    assert values["least_geometric"] == -1
    assert values["supports"] == [3]


def test_margins_grow_with_the_weights_only_where_they_are_functional():
    once, twice = (worked_out(sheet(0, w=(s * 3.0, s * 4.0), b=s * -5.0)) for s in (1, 2))
    for name, factor in (("geometric", 1), ("functional", 2), ("query_score", 2)):
        np.testing.assert_allclose(
            np.asarray(twice[name], float), factor * np.asarray(once[name], float)
        )


def test_a_point_on_the_line_is_of_no_class():
    assert worked_out(sheet(0, query=(-1.0, 2.0)))["query_class"] == 0

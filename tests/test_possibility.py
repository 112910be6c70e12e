import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrial.core.errors import RetrialError
from retrial.judging.possibility import (
    COLUMNS,
    accuracy_candidates,
    check_accuracy,
    check_counts,
    check_csv,
    check_joint,
    check_loss,
    check_maximum,
    check_minimum,
    check_percentages,
    read_fraction,
)
from retrial.statistics import exact


def test_accuracy_is_some_fraction_of_its_test_set():
    found = check_accuracy(".87088", 8000)
    assert found.ok
    assert list(found.candidates) == [6967]
    assert list(check_accuracy("87.09%", 8000).candidates) == [6967]
    assert list(check_accuracy("0.94", 100).candidates) == [94]


def test_accuracy_that_no_count_gives():
    found = check_accuracy("0.945", 100)
    assert not found.ok
    assert found.right == "94/100 = 0.94000"
    assert not check_accuracy("1.2", 10).ok
    assert not check_accuracy("-0.2", 10).ok


@given(st.integers(1, 200), st.integers(0, 130), st.integers(0, 3))
def test_candidates_are_those_that_match_exactly(n, ticks, decimals):
    printed = f"{ticks / 10**decimals:.{decimals}f}"
    expected = [j for j in range(n + 1) if exact(Fraction(j, n), printed).matches]
    assert list(accuracy_candidates(printed, n)) == expected


@given(st.integers(1, 10**6), st.floats(0, 1), st.integers(1, 8))
def test_no_honest_rounding_is_called_impossible(n, share, decimals):
    j = int(share * n)
    assert j in check_accuracy(f"{j / n:.{decimals}f}", n).candidates
    assert j in check_accuracy(f"{100 * j / n:.{decimals}f}%", n).candidates


def test_counts():
    assert check_counts([60, 40], 100).ok
    found = check_counts([60, 41], 100)
    assert (found.ok, found.right) == (False, "101")
    assert not check_counts([110, -10], 100).ok


def test_loss_bound_allows_for_rounding():
    assert check_loss("0.000").ok
    assert not check_loss("-0.01").ok
    assert check_loss("0.69", "0.6931").ok
    assert not check_loss("0.68", "0.6931").ok


def test_joint_bound_of_cross_entropy_and_accuracy():
    # At most 1099 of 10000 may be printed .10; the other 8901 lose at least ln 2 each.
    found = check_joint("0.50", "0.10", 10000)
    assert (found.ok, found.right) == (False, ">= 0.6170")
    assert check_joint("0.62", "0.10", 10000).ok
    assert check_joint("0.5", "0.10", 100).ok is False
    assert check_joint("0.00", "100%").ok


@given(st.integers(0, 2**32), st.integers(1, 50), st.integers(2, 10), st.integers(2, 4))
def test_joint_bound_holds_for_every_classifier(seed, n, classes, decimals):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(classes, 0.3), n)
    labels = rng.integers(classes, size=n)
    true = np.maximum(p[np.arange(n), labels], 1e-300)
    loss = float(-np.log(true).mean())
    share = (p.argmax(axis=1) == labels).mean()
    assert check_joint(f"{loss:.{decimals}f}", f"{share:.{decimals}f}", n).ok
    assert check_joint(f"{loss:.{decimals}f}", f"{100 * share:.{decimals}f}%").ok


def test_percentages():
    assert check_percentages(["33.3", "33.3", "33.3"]).ok
    assert check_percentages(["33.4%", "33.3%", "33.4%"]).ok
    assert not check_percentages(["33.3", "33.3", "34.3"]).ok
    assert check_percentages(["33"] * 3).ok


def test_minimum_mean_maximum():
    assert check_minimum("0.500", "0.500").ok
    assert not check_minimum("0.505", "0.500").ok
    assert check_maximum("0.500", "0.51").ok
    found = check_maximum("98.0%", "0.96")
    assert (found.ok, found.check) == (False, "maximum")


def test_percent_moves_the_decimals():
    assert read_fraction("87.09%")[:2] == (Fraction(8709, 10000), 4)


TABLE = """\
id,kind,value,n,group,bound
test accuracy,accuracy,87.088%,8000,mlp,
test loss,cross_entropy,0.050,,mlp,
hinge,loss,0.1,,,0.2
zeros,count,60,,classes,
ones,count,41,,classes,
all,total,100,,classes,
,,,,,
a,percentage,33.3,,shares,
b,percentage,33.3%,,shares,
c,percentage,33.4,,shares,
lowest,minimum,0.1,,spread,
average,mean,0.2,,spread,
highest,maximum,0.02,,spread,
"""


def written(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "table.csv"
    path.write_text(text, encoding=encoding)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_check_csv(tmp_path, encoding):
    found = check_csv(written(tmp_path, TABLE, encoding))
    assert [(f.check, f.subject, f.ok) for f in found] == [
        ("accuracy", "test accuracy", True),
        ("loss", "test loss", True),
        ("loss", "hinge", False),
        ("joint", "mlp", False),
        ("counts", "classes", False),
        ("percentages", "shares", True),
        ("minimum", "spread", True),
        ("maximum", "spread", False),
    ]
    bound = float(found[3].right.removeprefix(">= "))
    assert bound == pytest.approx((1 - 6967 / 8000) * math.log(2), abs=1e-5)


def test_check_csv_needs_three_columns_only(tmp_path):
    path = written(tmp_path, "kind,id,value\nloss,x,-1\n")
    assert [f.ok for f in check_csv(path)] == [False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty, expected a header"),
        ("id,kind\n", ":1: column 'value' is missing"),
        ("id;kind;value\n", ":1: column 'id;kind;value'"),
        ("id,kind,value,id\n", ":1: column 'id'"),
        ("id,kind,value\nx,accuracy\n", ":2: 2 cells, expected 3"),
        ("id,kind,value\n\nx,acc,1\n", ":3: column kind: 'acc', expected one of accuracy, loss"),
        ("id,kind,value\n,loss,1\n", ":2: column id: ''"),
        ("id,kind,value,n\nx,accuracy,.9,\n", ":2: column n: '', expected the size"),
        ("id,kind,value,n\nx,accuracy,.9,1e3\n", ":2: column n: '1e3', expected the size"),
        ("id,kind,value,n\nx,accuracy,.9,0\n", ":2: column n: '0', expected the size"),
        ("id,kind,value,n\nx,accuracy,high,9\n", ":2: column value: 'high', expected a decimal"),
        ('id,kind,value\nx,loss,"0,5"\n', ":2: column value: '0,5', expected a decimal"),
        ("id,kind,value\nx,loss,5%\n", ":2: column value: '5%', expected a decimal"),
        ("id,kind,value\nx,loss,\n", ":2: column value: '', expected a decimal"),
        ("id,kind,value,bound\nx,loss,1,low\n", ":2: column bound: 'low', expected a decimal"),
        ("id,kind,value,n\nx,loss,1,5\n", ":2: column n: '5', expected none for a loss"),
        ("id,kind,value,group\nx,count,1.5,g\n", ":2: column value: '1.5', expected a whole"),
        ("id,kind,value\nx,percentage,5\n", ":2: column group: '', expected the group"),
        ("id,kind,value,group\nx,count,5,g\n", ":2: column group: 'g', expected a total row"),
        ("id,kind,value,group\nx,mean,5,g\n", "expected a minimum or maximum row"),
        (
            "id,kind,value,group\nx,count,5,g\ny,total,5,g\nz,total,5,g\n",
            ":3: column group: 'g', expected one total a group, found 2",
        ),
        ('id,kind,value\n"x,loss,1\n', "expected comma-separated text"),
    ],
)
def test_check_csv_says_in_one_line_what_is_wrong(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(RetrialError) as caught:
        check_csv(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_check_csv_of_no_table(tmp_path):
    with pytest.raises(RetrialError, match="no such file"):
        check_csv(tmp_path / "missing.csv")
    with pytest.raises(RetrialError, match="is a directory"):
        check_csv(tmp_path)
    path = tmp_path / "photo.csv"
    path.write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(RetrialError, match="expected comma-separated text"):
        check_csv(path)


def test_columns_are_the_documented_ones():
    assert all(f"`{name}`" in check_csv.__doc__ or name in check_csv.__doc__ for name in COLUMNS)

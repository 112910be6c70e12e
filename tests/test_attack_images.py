"""Tests of attacks with one generator an image and target, in tiny runs."""

import numpy as np
from attacked_digits import (
    CLASSES,
    COMMON,
    METRICS,
    MISTAKEN,
    SECTION,
    SHOWN,
    agree,
    attacked,
    data,
    digits,
    expected_metrics,
    looked_at,
    originals,
    same_metrics,
    trial,
    victim,
)

from retrial import image_attacks
from retrial.adversarial.gradient_attacks import judged
from retrial.adversarial.quality import Quality

EVERY_TARGET = np.tile(np.arange(CLASSES), (CLASSES, 1))


def test_a_result_on_images_holds_what_is_promised() -> None:
    result = attacked("image/recipe")
    assert result.status == "ok"
    assert set(result.metrics) == METRICS
    assert (result.curves, result.weights) == ({}, {})
    assert {name: one.shape for name, one in result.arrays.items()} == {
        "labels": (10,), "rows": (10,), "before": (10,), "steps": (10, 10),
        "predicted": (10, 10), "refereed": (10, 10), "known": (10,), "confidence": (10, 10),
        "quality": (6, 10, 10), "pictures": (10, 10, 1, 28, 28),
    }  # fmt: skip
    assert {name: one.dtype.name for name, one in result.arrays.items()} == {
        "labels": "uint8", "rows": "int32", "before": "uint8", "steps": "int32",
        "predicted": "uint8", "refereed": "uint8", "known": "uint8", "confidence": "float32",
        "quality": "float32", "pictures": "uint8",
    }  # fmt: skip
    arrays = result.arrays
    np.testing.assert_array_equal(arrays["labels"], np.arange(CLASSES))
    # Of its own class an image is its original.
    known = arrays["refereed"].diagonal() == arrays["labels"]
    np.testing.assert_array_equal(arrays["known"], known)
    np.testing.assert_array_equal(digits()["test_labels"][arrays["rows"]], arrays["labels"])
    # As many steps as it took, at most as many as are stated, none for the own class.
    assert arrays["steps"].max() == SECTION["generator"]["fooling"]["steps"]
    assert (np.diag(arrays["steps"]) == 0).all()
    assert np.unique(arrays["steps"]).size > 2


def test_the_own_class_has_the_original() -> None:
    arrays = attacked("image/recipe").arrays
    own = np.arange(CLASSES)
    pictures = arrays["pictures"][own, own]
    np.testing.assert_array_equal(pictures, originals(attacked("image/recipe")))
    np.testing.assert_array_equal(arrays["predicted"][own, own], arrays["before"])
    np.testing.assert_array_equal(
        arrays["quality"][:, own, own],
        np.array([0, 0, np.inf, 1, 0, 0], np.float32)[:, None].repeat(CLASSES, axis=1),
    )
    # Nothing else is the original.
    changed = arrays["quality"][Quality._fields.index("changed")]
    assert (changed[~np.eye(CLASSES, dtype=bool)] > 0).all()


def test_what_is_predicted_is_read_off_the_pictures() -> None:
    result = attacked("image/recipe")
    before = originals(result)
    classes = judged(victim("recipe"), before).classes
    np.testing.assert_array_equal(result.arrays["before"], classes)
    # The referee is another classifier, of the next seed.
    found = looked_at(result.arrays["pictures"], before, victim("recipe"), victim("plain", 1))
    agree(result, found)


def test_shares_are_those_of_images_that_were_right_before() -> None:
    result = attacked("image/recipe")
    arrays = result.arrays
    assert list(np.flatnonzero(arrays["before"] != arrays["labels"])) == [MISTAKEN]
    assert arrays["before"][MISTAKEN] == SHOWN
    same_metrics(result.metrics, expected_metrics(arrays, EVERY_TARGET))
    assert result.metrics["misclassified"] == (1, 10)
    assert result.metrics["success"].n == 9 * 9
    # The attack succeeds and fails, also on the image that does not count.
    hit = (arrays["predicted"] == EVERY_TARGET) & ~np.eye(CLASSES, dtype=bool)
    assert 9 < hit.sum() < 80
    assert hit[MISTAKEN].any()
    assert 0 < result.metrics["transfer"].n < hit.sum()


def test_of_several_images_the_first_of_each_class_is_pictured() -> None:
    one = trial("image/recipe", images=2, steps_at_most=1)
    result = image_attacks.run(one, data())
    arrays = result.arrays
    np.testing.assert_array_equal(arrays["labels"], np.repeat(np.arange(CLASSES), 2))
    assert len(set(arrays["rows"].tolist())) == 20
    assert arrays["predicted"].shape == (20, CLASSES)
    assert arrays["quality"].shape == (6, 20, CLASSES)
    assert arrays["steps"].max() == 1
    same_metrics(result.metrics, expected_metrics(arrays, np.tile(np.arange(CLASSES), (20, 1))))
    assert result.metrics["misclassified"] == (2, 20)
    # The first ones are those of a budget of one.
    fewer = attacked("image/recipe").arrays
    np.testing.assert_array_equal(arrays["rows"][::2], fewer["rows"])
    assert arrays["pictures"].shape == (10, 10, 1, 28, 28)
    found = looked_at(
        arrays["pictures"], originals(result)[::2], victim("recipe"), victim("plain", 1)
    )
    np.testing.assert_array_equal(arrays["predicted"][::2], found.predicted)
    np.testing.assert_array_equal(arrays["quality"][:, ::2], found.measures.astype(np.float32))


def test_pictures_are_those_of_one_seed() -> None:
    later = image_attacks.run(trial("image/recipe", 1, steps_at_most=1), data())
    assert set(later.arrays) == {*COMMON, "steps"}
    assert set(attacked("image/recipe").arrays) == {*COMMON, "steps", "pictures"}

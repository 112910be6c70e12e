from typing import Any

import numpy as np
import pytest
from wrong_sections import changed, refused

from retrial.core.config import validated
from retrial.core.errors import RetrialError
from retrial.handwriting import domains
from retrial.handwriting.corruptions import CORRUPTIONS, SEVERITIES, corrupted
from retrial.handwriting.domains import (
    DIGIT_SIDES,
    PAGE_STEPS,
    PAPER,
    PEN,
    SHEET,
    Domains,
    brought_to_size,
    build,
    moved,
    sheets,
)
from retrial.handwriting.normalise import Steps, normalised, resized

SECTION = {"shift": 4, "zoom": 0.25, "corrupted": 5}
FIRST, SECOND, TESTS = 10, 14, 8
IMAGES = {"second_images", "digits_images", "moved_images"}


def settings(**changes: Any) -> Domains:
    return Domains(**SECTION | changes)


def levels(count: int) -> np.ndarray:
    """Digits of a kind: a stroke of 16 levels down and one across; no two neighbours alike."""
    found = np.zeros((count, 8, 8), np.uint8)
    for at, picture in enumerate(found):
        picture[:, 1 + at % 5] = 16
        picture[1 + at % 6, :] = 9 + at % 7
    return found


def bright(pictures: np.ndarray) -> np.ndarray:
    """The same in levels to 255."""
    return np.rint(pictures * (255 / 16)).astype(np.uint8)


def dots(count: int) -> np.ndarray:
    """Pictures with a smooth blot of 8 pixels in their middle."""
    rows, columns = np.mgrid[:28, :28] - 13.5
    blot = 255 * np.exp(-(rows**2 + columns**2) / 32)
    return np.rint(np.repeat(blot[None], count, axis=0)).astype(np.uint8)


@pytest.fixture
def data() -> dict[str, np.ndarray]:
    tests = np.zeros((TESTS, 28, 28), np.uint8)
    for at, picture in enumerate(tests):
        picture[4:24, 8 + at : 11 + at] = picture[12:15, 6:22] = 255
    many = FIRST + SECOND
    labels = (np.arange(many) * 7 % 10).astype(np.uint8)
    return {"test_images": tests, "images": levels(many), "labels": labels}


@pytest.fixture
def found(data: dict, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """All domains of digits of which the first 10 are the first half."""
    monkeypatch.setattr(domains, "HALF", FIRST)
    return build(settings(), data)


def test_the_first_half_of_the_published_digits_is_the_smaller_one() -> None:
    assert domains.HALF == 1797 // 2


def test_names_and_shapes(found: dict) -> None:
    pages = {f"pages_{name}" for name in PAGE_STEPS}
    worse = {f"corrupted_{name}" for name in CORRUPTIONS}
    labels = {"second_labels", "digits_labels"}
    assert set(found) == IMAGES | labels | {"sheets"} | pages | worse
    assert found["second_images"].shape == (FIRST, 28, 28)
    assert found["moved_images"].shape == (TESTS, 28, 28)
    assert found["sheets"].shape == (SECOND, 96, 96)
    for name in ("digits_images", *pages):
        assert found[name].shape == (SECOND, 28, 28)
    for name in worse:
        assert found[name].shape == (5, 5, 28, 28)
    for name, array in found.items():
        assert array.dtype == np.uint8, name


def test_the_pages_are_the_steps_one_at_a_time() -> None:
    assert list(PAGE_STEPS) == ["all", "no_polarity", "no_box", "no_mass", "stroke", "nothing"]
    whole = PAGE_STEPS["all"]
    assert whole == Steps()
    for name, steps in PAGE_STEPS.items():
        if name not in ("all", "nothing"):
            differs = [
                key for key in Steps.model_fields if getattr(steps, key) != getattr(whole, key)
            ]
            assert len(differs) == 1, name


def test_the_halves_keep_their_order_and_share_no_digit(found: dict, data: dict) -> None:
    whole = np.concatenate([found["second_images"], found["digits_images"]])
    expected = [normalised(one, Steps(polarity=False)) for one in bright(data["images"])]
    np.testing.assert_array_equal(whole, np.stack(expected))
    both = np.concatenate([found["second_labels"], found["digits_labels"]])
    np.testing.assert_array_equal(both, data["labels"])


def test_ink_on_the_border_of_a_digit_is_not_taken_for_paper(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(domains, "HALF", 1)
    ring = np.full((2, 8, 8), 16, np.uint8)
    ring[:, 2:6, 2:6] = 0
    made = build(
        settings(), {"test_images": dots(1), "images": ring, "labels": np.zeros(2, np.uint8)}
    )
    for name in ("second_images", "digits_images"):
        digit = made[name][0]
        assert digit[13:15, 13:15].max() == 0
        assert digit[5, 5:23].min() == 255


def test_the_same_data_become_the_same_bytes(found: dict, data: dict) -> None:
    before = {name: array.copy() for name, array in data.items()}
    again = build(settings(), data)
    assert list(again) == list(found)
    for name, array in found.items():
        np.testing.assert_array_equal(again[name], array, err_msg=name)
    for name, array in before.items():
        np.testing.assert_array_equal(data[name], array, err_msg=name)


def test_the_corrupted_are_the_first_test_digits_by_severity(found: dict, data: dict) -> None:
    for name in CORRUPTIONS:
        for severity in range(1, SEVERITIES + 1):
            expected = corrupted(data["test_images"][:5], name, severity)
            np.testing.assert_array_equal(found[f"corrupted_{name}"][severity - 1], expected)


def test_fewer_digits_are_corrupted_where_there_are_fewer(
    data: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(domains, "HALF", FIRST)
    made = build(settings(corrupted=1000), data)
    assert made["corrupted_fog"].shape == (SEVERITIES, TESTS, 28, 28)
    assert made["moved_images"].shape == (TESTS, 28, 28)


def test_digits_are_moved_by_up_to_the_shift() -> None:
    found = moved(dots(400), settings(zoom=0.0)).astype(float)
    along = np.arange(28) - 13.5
    mass = found.sum(axis=(1, 2))
    down = found.sum(axis=2) @ along / mass
    right = found.sum(axis=1) @ along / mass
    for moves in (down, right):
        # Uniform between both ends.
        assert 3.8 < moves.max() < 4.02
        assert -4.02 < moves.min() < -3.8
        assert moves.std() == pytest.approx(4 / np.sqrt(3), rel=0.1)
    assert abs(np.corrcoef(down, right)[0, 1]) < 0.15


def test_digits_are_scaled_by_up_to_the_zoom() -> None:
    before = dots(400)
    found = moved(before, settings(shift=0)).astype(float)
    # The mass goes with the square of the side.
    sides = np.sqrt(found.sum(axis=(1, 2)) / before.sum(axis=(1, 2), dtype=float))
    assert 1.22 < sides.max() < 1.26
    assert 0.74 < sides.min() < 0.78
    assert sides.std() == pytest.approx(0.25 / np.sqrt(3), rel=0.1)
    along = np.arange(28) - 13.5
    middle = found.sum(axis=2) @ along / found.sum(axis=(1, 2))
    assert np.abs(middle).max() < 0.02


def test_without_shift_and_zoom_nothing_moves(data: dict) -> None:
    tests = data["test_images"]
    np.testing.assert_array_equal(moved(tests, settings(shift=0, zoom=0.0)), tests)


def test_a_digit_moves_by_its_own_chance_whole(data: dict) -> None:
    # Scaled first and moved then: what the shift is does not depend on the zoom.
    both = moved(dots(50), settings()).astype(float)
    shifted = moved(dots(50), settings(zoom=0.0)).astype(float)
    along = np.arange(28) - 13.5
    for one, other in ((both, shifted), (both.transpose(0, 2, 1), shifted.transpose(0, 2, 1))):
        rows = [
            pictures.sum(axis=2) @ along / pictures.sum(axis=(1, 2)) for pictures in (one, other)
        ]
        np.testing.assert_allclose(rows[0], rows[1], atol=0.1)


def test_a_sheet_is_light_with_a_whole_dark_digit() -> None:
    digits = bright(levels(60))
    # Marks in all corners: whatever is cut off is missed.
    digits[:, [0, 0, -1, -1], [0, -1, 0, -1]] = 255
    pages = sheets(digits)
    assert pages.shape == (60, SHEET, SHEET)
    sides, tops, papers, pens = [], [], [], []
    for digit, page in zip(digits, pages, strict=True):
        paper = np.median(page)
        assert PAPER[0] - 2 < paper < PAPER[1] + 2
        rows, columns = (np.flatnonzero((page < paper - 30).any(axis=one)) for one in (1, 0))
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert height == width
        assert DIGIT_SIDES[0] <= height <= DIGIT_SIDES[1]
        # It is this digit, and the right way up.
        cut = page[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        expected = resized(digit, height, width)
        assert np.corrcoef(cut.ravel(), expected.ravel())[0, 1] < -0.97
        pen = cut[expected == 255].mean()
        assert PEN[0] - 4 < pen < PEN[1] + 4
        sides.append(height)
        tops.append((rows[0], columns[0]))
        papers.append(paper)
        pens.append(pen)
    # Each has its own side, place, paper and pen.
    assert len(set(sides)) > 20
    assert len(set(tops)) > 50
    assert np.std(papers) > 8
    assert np.std(pens) > 8


def test_sheets_have_grain() -> None:
    pages = sheets(bright(levels(5))).astype(float)
    for page in pages:
        # Beyond the digit in a corner of the sheet, or the corner opposite.
        corners = [page[:12, :12], page[:12, -12:], page[-12:, :12], page[-12:, -12:]]
        grain = min(corner.std() for corner in corners)
        assert 3 < grain < 5


def test_pages_are_the_sheets_of_the_second_half(found: dict, data: dict) -> None:
    pages = found["sheets"]
    np.testing.assert_array_equal(pages, sheets(bright(data["images"][FIRST:])))
    for name in PAGE_STEPS:
        np.testing.assert_array_equal(found[f"pages_{name}"], brought_to_size(pages, name))
    # Brought to size they are the digits that the same half gives without a sheet, or nearly so.
    for page, digit in zip(found["pages_all"], found["digits_images"], strict=True):
        assert np.corrcoef(page.ravel(), digit.ravel())[0, 1] > 0.8


def test_each_way_to_size_leaves_out_what_it_says(found: dict) -> None:
    pages, whole = found["sheets"], found["pages_all"]
    plain = np.stack([resized(one, 28, 28) for one in pages])
    np.testing.assert_array_equal(found["pages_nothing"], plain)
    # Light paper stays light, and is brought to size as if it were ink.
    for page in found["pages_no_polarity"]:
        assert np.median(page[page > 0]) > 150
    # Ink is light on black, at the place and of the size that it has on its sheet.
    for page, sheet in zip(found["pages_no_box"], plain, strict=True):
        assert np.median(page) < 10
        assert np.corrcoef(page.ravel(), sheet.ravel())[0, 1] < -0.9
    for page, other in zip(found["pages_no_mass"], whole, strict=True):
        np.testing.assert_array_equal(np.sort(page, axis=None), np.sort(other, axis=None))
        rows, columns = (np.flatnonzero(page.any(axis=one)) for one in (1, 0))
        assert rows.mean() == pytest.approx(13.5, abs=0.5)
        assert columns.mean() == pytest.approx(13.5, abs=0.5)
    names = list(PAGE_STEPS)
    assert len({found[f"pages_{name}"].tobytes() for name in names}) == len(names)


@pytest.mark.parametrize(
    ("key", "value"),
    [("shift", -1), ("shift", 9), ("shift", 2.5), ("zoom", 1.0), ("zoom", -0.1), ("corrupted", 0)],
)
def test_a_setting_that_is_wrong_is_told_in_one_line(tmp_path: Any, key: str, value: Any) -> None:
    said = refused(tmp_path, "domains", changed(SECTION, key, value), Domains)
    assert said.startswith(f"{key} = {value}: ")


def test_an_unknown_setting_is_named() -> None:
    message = (
        r"^params\.yaml: domains\.turn = 3: unknown key, expected one of corrupted, shift, zoom$"
    )
    with pytest.raises(RetrialError, match=message):
        validated(SECTION | {"turn": 3}, Domains, "params.yaml: domains")

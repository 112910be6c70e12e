import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from retrial.report.svg_images import PNG, shortened_image, with_fewest_channels

GREY = np.repeat(np.arange(64, dtype=np.uint8).reshape(8, 8, 1), 3, axis=2)
COLOURS = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
FULL = np.full((8, 8, 1), 255, np.uint8)
HALF = np.full((8, 8, 1), 128, np.uint8)


def address(pixels: np.ndarray) -> str:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return PNG + base64.encodebytes(file.getvalue()).decode()


def decoded(text: str) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(text.removeprefix(PNG))))


@pytest.mark.parametrize(
    ("pixels", "mode"),
    [
        (np.concatenate([GREY, FULL], axis=2), "L"),
        (np.concatenate([COLOURS, FULL], axis=2), "RGB"),
        (np.concatenate([GREY, HALF], axis=2), "RGBA"),
        (GREY, "L"),
        (COLOURS, "RGB"),
    ],
)
def test_an_image_keeps_its_pixels_and_only_the_channels_that_they_need(
    pixels: np.ndarray, mode: str
) -> None:
    assert with_fewest_channels(Image.fromarray(pixels)).mode == mode
    text = address(pixels)
    found = shortened_image(text)
    assert len(found) < len(text)
    assert (
        np.asarray(decoded(found).convert("RGBA")) == np.asarray(decoded(text).convert("RGBA"))
    ).all()


def test_an_image_that_is_short_already_stays() -> None:
    once = shortened_image(address(COLOURS))
    assert shortened_image(once) == once


@pytest.mark.parametrize("text", ["#mark", "data:image/gif;base64,R0lG"])
def test_other_addresses_stay(text: str) -> None:
    assert shortened_image(text) == text

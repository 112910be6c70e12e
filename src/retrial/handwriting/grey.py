"""Picture files of any kind in grey."""

import numpy as np
from PIL import Image


def in_grey(image: Image.Image) -> Image.Image:
    """A picture of any mode in 8-bit grey, mode L; what is transparent is white."""
    if image.mode.startswith("I"):
        # Pillow would clip 16 bits to 8.
        return Image.fromarray(np.rint(np.asarray(image) / 257).astype(np.uint8))
    if image.has_transparency_data:
        whole = image.convert("RGBA")
        white = Image.new("RGBA", whole.size, "white")
        image = Image.alpha_composite(white, whole)
    return image.convert("RGB").convert("L")

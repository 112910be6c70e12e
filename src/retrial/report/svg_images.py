"""Images inside SVG files, in fewer bytes: matplotlib gives every image four channels."""

import base64
import re
from io import BytesIO

from PIL import Image

PNG = "data:image/png;base64,"


def shortened_image(address: str) -> str:
    """A PNG as a data address with no more channels than its pixels need; anything else as it is.

    Every pixel keeps its colour.
    """
    if not address.startswith(PNG):
        return address
    content = base64.b64decode(re.sub(r"\s", "", address.removeprefix(PNG)))
    with Image.open(BytesIO(content)) as image:
        found = BytesIO()
        with_fewest_channels(image).save(found, "PNG", optimize=True)
    shortest = min(content, found.getvalue(), key=len)
    return PNG + base64.b64encode(shortest).decode()


def with_fewest_channels(image: Image.Image) -> Image.Image:
    """The image without an alpha channel that is full everywhere, grey where nothing else is."""
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        image = image.convert("RGB")
    if image.mode == "RGB":
        red, green, blue = image.split()
        if red.tobytes() == green.tobytes() == blue.tobytes():
            return red
    return image

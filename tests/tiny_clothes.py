"""A data set of the shape that the studies of report 002, section C take, on which all is quick."""

import numpy as np

SIDE = 8


def tiny_clothes(train: int = 200, held: int = 40) -> dict[str, np.ndarray]:
    """Ten classes of 8 × 8 images: a bright column or row each, on noise."""
    rng = np.random.default_rng(5)
    data = {}
    for part, size in (("train", train), ("test", 2 * held)):
        labels = (np.arange(size) % 10).astype(np.uint8)
        images = rng.integers(0, 90, (size, SIDE, SIDE), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            if label < 5:
                image[label : label + 2] += 150
            else:
                image[:, label - 5 : label - 3] += 150
        data |= {f"{part}_images": images, f"{part}_labels": labels}
    return data | {
        "train": np.arange(train, dtype=np.int32),
        "validation": np.arange(held, dtype=np.int32),
        "test": np.arange(held, 2 * held, dtype=np.int32),
    }

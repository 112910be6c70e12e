import hashlib
import io
import struct

import numpy as np
import pytest
from PIL import Image

from retrial.core.errors import RetrialError
from retrial.data import decode
from retrial.data.fetch import ARRAY_PINS, check_arrays


def idx_bytes(array: np.ndarray) -> bytes:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def png_bytes(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def test_idx_worked_by_hand():
    content = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255])
    array = decode.idx(content, "file")
    assert array.dtype == np.uint8
    assert array.tolist() == [[1, 2, 3], [4, 5, 255]]
    assert array.flags.writeable


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file"),
        (b"<!DOCTYPE html>", "not an IDX file"),
        (bytes([0, 0, 13, 1, 0, 0, 0, 1, 0]), "not an IDX file"),  # 13 means float32
        (bytes([0, 0, 8, 3, 0, 0, 0, 1]), "truncated in its header"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 3, 1, 2]), "11 bytes in all, found 10"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 1, 1, 2]), "9 bytes in all, found 10"),
    ],
)
def test_idx_refuses(content, message):
    with pytest.raises(RetrialError, match=message) as raised:
        decode.idx(content, "the-file")
    assert "the-file" in str(raised.value)


def test_mnist_arrays_have_their_names():
    images, labels = np.zeros((2, 28, 28)), np.array([3, 4])
    arrays = decode.mnist_arrays(
        {
            "train-images-idx3-ubyte": idx_bytes(images),
            "train-labels-idx1-ubyte": idx_bytes(labels),
            "t10k-images-idx3-ubyte": idx_bytes(images[:1] + 7),
            "t10k-labels-idx1-ubyte": idx_bytes(labels[:1]),
        }
    )
    assert {name: array.shape for name, array in arrays.items()} == {
        "train_images": (2, 28, 28),
        "train_labels": (2,),
        "test_images": (1, 28, 28),
        "test_labels": (1,),
    }
    assert arrays["test_images"].max() == 7


def test_a_png_row_becomes_a_record_of_three_planes():
    pixels = np.random.default_rng(0).integers(0, 256, (4, 1024, 3)).astype(np.uint8)
    records = decode.cifar_records(png_bytes(pixels), [1, 0, 9, 5], "batch")
    assert len(records) == 4 * 3073
    second = records[3073:6146]
    assert second[0] == 0
    assert second[1 : 1 + 1024] == pixels[1, :, 0].tobytes()
    assert second[1 + 1024 : 1 + 2048] == pixels[1, :, 1].tobytes()
    assert second[1 + 2048 :] == pixels[1, :, 2].tobytes()
    images, labels = decode.cifar_images(records, "batch")
    assert images.shape == (4, 32, 32, 3)
    assert images.dtype == labels.dtype == np.uint8
    assert labels.tolist() == [1, 0, 9, 5]
    assert np.array_equal(images.reshape(4, 1024, 3), pixels)


def test_cifar_refuses_what_is_not_as_expected():
    pixels = np.zeros((2, 1024, 3), np.uint8)
    with pytest.raises(RetrialError, match="expected an RGB image"):
        decode.cifar_records(png_bytes(pixels), [1, 2, 3], "batch.png")
    with pytest.raises(RetrialError, match=r"batch\.png: not a readable PNG"):
        decode.cifar_records(b"<html>", [1], "batch.png")
    with pytest.raises(RetrialError, match=r"batch\.png: not a readable PNG"):
        decode.cifar_records(png_bytes(pixels)[:-60], [1, 2], "batch.png")
    with pytest.raises(RetrialError, match="no multiple of 3073"):
        decode.cifar_images(bytes(3072), "batch.bin")
    with pytest.raises(RetrialError, match="label 10"):
        decode.cifar_images(bytes([10]) + bytes(3072), "batch.bin")


def test_cifar_batches_are_joined_in_order():
    files = {
        f"data_batch_{number}.bin": bytes([number]) + bytes([number]) * 3072
        for number in range(1, 6)
    } | {"test_batch.bin": bytes([9]) * 3073}
    arrays = decode.cifar10_arrays(files)
    assert arrays["train_labels"].tolist() == [1, 2, 3, 4, 5]
    assert arrays["train_images"][:, 0, 0, 0].tolist() == [1, 2, 3, 4, 5]
    assert arrays["test_images"].shape == (1, 32, 32, 3)


ONE_HOT = """Name,Survival,Fare,Age,PassengerClass,Sex_female,Sex_male,Sex_nan
"Braund, Mr. Owen",0,7.25,22.0,3,0,1,0
"Moran, Mr. James",0,8.4583,-999.0,3,0,1,0
"""
ONE_HOT_TEST = """Name,Survival,Fare,Age,PassengerClass,Sex_female,Sex_male,Sex_nan
"Cumings, Mrs. John Bradley",1,71.2833,38.0,1,0,0,0
"Heikkinen, Miss. Laina",1,7.925,26.0,3,1,0,0
"""
PUBLISHED = """PassengerId,Survived,Pclass,Name,Sex,Age,Fare,Cabin
1,0,3,"Braund, Mr. Owen",male,22,7.25,
6,0,3,"Moran, Mr. James",male,,8.4583,
2,1,1,"Cumings, Mrs. John Bradley",female,38,71.2833,C85
3,1,3,"Heikkinen, Miss. Laina",female,26,7.925,
"""
TABLE = b"""Pclass,Sex,Age,Fare,Survived
1,female,38.0,71.2833,1
3,female,26.0,7.925,1
3,male,22.0,7.25,0
"""


def test_both_forms_of_titanic_give_the_same_table():
    one_hot = {"train.csv": ONE_HOT.encode(), "test.csv": ONE_HOT_TEST.encode()}
    assert decode.titanic_from_one_hot(one_hot) == TABLE
    assert decode.titanic_from_publisher(PUBLISHED.encode(), "titanic.csv") == TABLE


@pytest.mark.parametrize("content", [b"", b"<html><body>404</body></html>", b"a,b\n1,2\n"])
def test_titanic_refuses_another_table(content):
    with pytest.raises(RetrialError, match=r"^titanic\.csv: ") as raised:
        decode.titanic_from_publisher(content, "titanic.csv")
    assert "\n" not in str(raised.value)


def test_iris_and_digits_are_the_pinned_ones():
    iris, digits = decode.iris_arrays(), decode.digits_arrays()
    check_arrays("iris", iris)
    check_arrays("digits", digits)
    assert iris["features"].shape == (150, 4)
    assert digits["images"].shape == (1797, 8, 8)
    assert digits["images"].dtype == digits["labels"].dtype == iris["labels"].dtype == np.uint8
    assert digits["images"].max() == 16
    assert hashlib.sha256(digits["images"].tobytes()).hexdigest() == ARRAY_PINS["digits"]["images"]
    iris["features"][0, 0] += 0.1
    with pytest.raises(RetrialError, match="iris: scikit-learn's features: expected SHA-256"):
        check_arrays("iris", iris)


@pytest.mark.parametrize("value", [0.5, 256.0, -1.0])
def test_only_whole_numbers_become_uint8(value):
    with pytest.raises(RetrialError, match="whole numbers from 0 to 255"):
        decode.whole_numbers(np.array([1.0, value]), "digits images")

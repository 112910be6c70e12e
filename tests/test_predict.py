import re
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from retrial.cli import main
from retrial.core import records
from retrial.core.errors import DEBUG_VARIABLE, RetrialError
from retrial.core.records import Finished
from retrial.core.trial import Metric, Result, Trial
from retrial.handwriting.normalise import normalised, paper
from retrial.nets.image_classifiers import build, tensors
from retrial.studies.handwriting import NAME, probabilities
from retrial.tools.predict import Digit, lines, load, predict, read, shades

PAPER, PEN = 230, 40
WIDTHS = [2, 3]
FOLDER = Path("data/results") / NAME
# Of each arm by seed, on the domain that chooses and on another one: the first seed misleads.
MOVED = {"none": (0.9, 0.5), "report": (0.8, 0.8), "all": (0.7, 0.6)}
OTHER = {"none": 0.9, "report": 0.1, "all": 0.95}
CHOSEN = "report"


def seven(height: int = 90, width: int = 70, across: int = 0, pen: int = 8) -> np.ndarray:
    """A 7 in dark ink on light paper, (height, width) uint8, `across` pixels from the middle."""
    image = Image.new("L", (width, height), PAPER)
    x, y = width // 2 + across, height // 2
    corners = [(x - 15, y - 25), (x + 15, y - 25), (x - 5, y + 25)]
    ImageDraw.Draw(image).line(corners, fill=PEN, width=pen)
    return np.array(image)


def saved(path: Path, image: Image.Image | np.ndarray, **options: Any) -> Path:
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(path, **options)
    return path


def network(arm: str) -> torch.nn.Module:
    """A network at first weights that are its arm's own, in evaluation mode."""
    draws = torch.Generator().manual_seed(list(MOVED).index(arm))
    return build("plain", WIDTHS, 1, 28, draws).eval()


def write_records(folder: Path, widths: list[int] = WIDTHS) -> None:
    """What a run of the study leaves; weights of the first seeds."""
    finished = []
    for arm, shares in MOVED.items():
        for seed, share in enumerate(shares):
            metrics = {
                "accuracy_moved": Metric(share, 100),
                "accuracy_digits": Metric(OTHER[arm], 100),
            }
            weights = {} if seed else tensors(network(arm))
            trial = Trial(NAME, arm, seed, {"widths": widths, "second": None})
            finished.append(Finished(trial, Result(metrics, weights=weights), f"{arm}:{seed}"))
    records.write(folder, NAME, finished, [], {})


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(DEBUG_VARIABLE, "")
    (tmp_path / "claims").mkdir()
    (tmp_path / "params.yaml").touch()
    write_records(tmp_path / FOLDER)
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Ran(NamedTuple):
    code: int
    out: list[str]
    err: list[str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """`retrial predict` with these arguments, as a terminal has it."""

    def ran(*names: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["retrial", "predict", *names])
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        return Ran(int(stopped.value.code or 0), printed.out.splitlines(), printed.err.splitlines())

    return ran


def png(width: int, height: int) -> bytes:
    """A PNG of 8-bit grey whose header says this size, and which holds hardly a pixel."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


def cut(path: Path, image_format: str) -> None:
    noisy = np.random.default_rng(0).integers(0, 256, (60, 60), dtype=np.uint8)
    saved(path, noisy, format=image_format)
    path.write_bytes(path.read_bytes()[:-900])


ANOTHER = "another format, expected a PNG or JPEG file"
LARGE = "more than 50 megapixels, expected fewer"
BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "absent.png": (lambda path: None, "no such file or directory, expected a PNG or JPEG file"),
    "under.png/seven.png": (
        lambda path: path.parent.touch(), "not a directory, expected a PNG or JPEG file",
    ),
    "folder.png": (Path.mkdir, "a folder, expected a PNG or JPEG file"),
    "empty.png": (Path.touch, "empty, expected a PNG or JPEG file"),
    "text.png": (lambda path: path.write_text("seven"), ANOTHER),
    "seven.gif": (lambda path: saved(path, seven()), ANOTHER),
    "seven.bmp": (lambda path: saved(path, seven()), ANOTHER),
    "seven.tiff": (lambda path: saved(path, seven()), ANOTHER),
    # What a file is, its first bytes say, not its name.
    "gif.png": (lambda path: saved(path, seven(), format="GIF"), ANOTHER),
    "cut.png": (
        lambda path: cut(path, "PNG"), "truncated or damaged, expected a whole PNG file",
    ),
    "cut.jpg": (
        lambda path: cut(path, "JPEG"), "truncated or damaged, expected a whole JPEG file",
    ),
    "start.png": (
        lambda path: path.write_bytes(png(20, 20)[:20]),
        "truncated or damaged, expected a whole PNG file",
    ),
    # Pillow lets the first pass, warns of the second, and refuses the third.
    "large.png": (lambda path: path.write_bytes(png(10_000, 5_001)), LARGE),
    "larger.png": (lambda path: path.write_bytes(png(10_000, 10_000)), LARGE),
    "bomb.png": (lambda path: path.write_bytes(png(60_000, 60_000)), LARGE),
    "blank.png": (
        lambda path: saved(path, np.full((40, 40), 200, np.uint8)),
        "nothing stands out from the paper, expected one digit",
    ),
    "small.png": (
        lambda path: saved(path, seven()[:50, :7]), "7 × 50 pixels, expected at least 8 × 8",
    ),
}  # fmt: skip


def test_each_bad_file_has_its_line_and_stops_no_other(root: Path, run: Callable[..., Ran]) -> None:
    names = []
    for place, (name, (make, _)) in enumerate(BAD.items()):
        make(root / name)
        saved(root / f"good{place}.png", seven(across=place))
        names += [name, f"good{place}.png"]
    found = run(*names)
    assert found.code == 1
    assert found.err == [
        *(f"{name}: {said}" for name, (_, said) in BAD.items()),
        f"error: {len(BAD)} of {2 * len(BAD)} files could not be read",
    ]
    said = [line.partition(":")[0] for line in found.out if "probability" in line]
    assert said == names[1::2]


def test_the_largest_and_the_smallest_picture_are_not_refused_for_their_size(
    tmp_path: Path,
) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(png(10_000, 5_000))
    with pytest.raises(RetrialError, match=r"^large: truncated or damaged"):
        read(path, "large")
    assert read(saved(path, seven()[:8, :8]), "small").shape == (8, 8)


def test_what_is_said_is_what_the_chosen_network_says(root: Path, run: Callable[..., Ran]) -> None:
    saved(root / "seven.png", seven())
    found = run("seven.png")
    assert (found.code, found.err) == (0, [])
    assert found.out[0] == f"The network is the first of arm {CHOSEN}."
    picture = normalised(seven())
    expected = probabilities(network(CHOSEN), picture[None])[0]
    order = sorted(range(10), key=lambda one: -expected[one])
    assert found.out[1] == f"seven.png: {order[0]} (probability {expected[order[0]]:.4f})"
    rows = found.out[2:]
    assert len(rows) == 28
    assert [line[56:].strip() for line in rows] == [
        *(f"{one}  {expected[one]:.4f}" for one in order),
        *18 * [""],
    ]
    assert [line[:56].ljust(56) for line in rows] == shades(picture)


def test_files_are_found_from_the_working_folder_and_named_as_typed(
    root: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("some/pictures", "some/more"):
        (root / folder).mkdir(parents=True)
    saved(root / "some/pictures/seven.png", seven())
    monkeypatch.chdir(root / "some/more")
    found = run("../pictures/seven.png", str(root / "some/pictures/seven.png"), "seven.png")
    assert found.out[1].startswith("../pictures/seven.png: ")
    assert found.out[30].startswith(f"{root}/some/pictures/seven.png: ")
    assert found.err[0].startswith("seven.png: no such file")
    assert found.err[1:] == ["error: 1 of 3 files could not be read"]


@pytest.mark.parametrize("name", [records.RECORDS, records.WEIGHTS])
def test_before_the_first_run_one_line_says_what_to_run(
    root: Path, run: Callable[..., Ran], name: str
) -> None:
    (root / FOLDER / name).unlink()
    saved(root / "seven.png", seven())
    found = run("seven.png")
    assert (found.code, found.out) == (1, [])
    assert found.err == [f"error: {FOLDER / name}: no such file, run `dvc repro {NAME}` first"]


def test_weights_of_another_run_are_refused_in_one_line(root: Path) -> None:
    weights = root / FOLDER / records.WEIGHTS
    kept = weights.read_bytes()
    write_records(root / FOLDER, [2, 4])
    weights.write_bytes(kept)
    with pytest.raises(RetrialError, match=rf"{records.WEIGHTS}: weights of another arch[^\n]*$"):
        load(root)


def test_dark_on_light_and_light_on_dark_are_one_picture(root: Path) -> None:
    trained, dark = load(root), seven()
    one = predict(trained, saved(root / "dark.png", dark), "dark")
    other = predict(trained, saved(root / "light.png", 255 - dark), "light")
    np.testing.assert_array_equal(one.picture, other.picture)
    np.testing.assert_array_equal(one.probabilities, other.probabilities)
    assert one.picture[0, 0] == 0
    assert one.picture.max() == 255


def transparent(mode: str) -> Image.Image:
    """The 7 in black on nothing: its darkness, as a share of white, is its opacity."""
    opacity = Image.fromarray(255 - seven())
    image = Image.new("RGB", opacity.size, "black")
    image.putalpha(opacity)
    return image.convert(mode)


def palette() -> Image.Image:
    """The 7 of index 0 on index 1, so that the indices are no picture of it."""
    image = Image.fromarray((seven() > 128).astype(np.uint8), "P")
    image.putpalette([PEN] * 3 + [PAPER] * 3)
    return image


def test_any_kind_of_png_is_the_same_grey_picture(tmp_path: Path) -> None:
    path, expected = tmp_path / "seven.png", seven()
    kinds: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "grey": (Image.fromarray(expected), {}),
        "16 bits": (Image.fromarray(expected.astype(np.uint16) * 257), {}),
        "colour": (Image.fromarray(expected).convert("RGB"), {}),
        "palette": (palette(), {}),
        "grey, transparent": (transparent("LA"), {}),
        "colour, transparent": (transparent("RGBA"), {}),
    }
    for name, (image, options) in kinds.items():
        np.testing.assert_array_equal(
            read(saved(path, image, **options), name), expected, err_msg=name
        )
    white = np.where(expected > 128, 255, PEN)
    for name, image in (("index", palette()), ("level", Image.fromarray(expected))):
        hidden = 1 if name == "index" else PAPER
        found = read(saved(path, image, transparency=hidden), name)
        np.testing.assert_array_equal(found, white, err_msg=name)
    bits = read(saved(path, Image.fromarray(expected > 128)), "1 bit")
    np.testing.assert_array_equal(bits, np.where(expected > 128, 255, 0))


def test_16_bits_keep_what_8_could_not_hold(tmp_path: Path) -> None:
    levels = np.array([[0, 128, 129, 256, 0x1234, 0xFF7E, 0xFF7F, 0xFFFF]] * 8, np.uint16)
    found = read(saved(tmp_path / "levels.png", levels), "levels")
    assert found[0].tolist() == [0, 0, 1, 1, 18, 254, 255, 255]


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_any_kind_of_jpeg_is_nearly_the_grey_picture(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(seven()).convert(mode)
    found = read(saved(tmp_path / "seven.jpg", image, quality=98), mode)
    assert np.abs(found.astype(int) - seven()).max() < 12


# From the stored picture to the upright one, as EXIF numbers them.
UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).T,
    8: np.rot90,
}


@pytest.mark.parametrize("suffix", ["png", "jpg"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_picture_is_turned_upright(tmp_path: Path, orientation: int, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / f"seven.{suffix}", seven(), exif=exif)
    expected = UPRIGHT[orientation](seven()).astype(int)
    found = read(path, "seven")
    assert found.shape == expected.shape
    assert np.abs(found - expected).mean() < 3


def test_the_noise_of_a_large_photo_is_not_ink(tmp_path: Path) -> None:
    clean = np.kron(seven(), np.ones((16, 16), np.uint8))
    noise = np.random.default_rng(0).normal(0, 12, clean.shape)
    found = read(saved(tmp_path / "photo.png", (clean + noise).clip(0, 255).astype("u1")), "photo")
    assert 256 <= max(found.shape) < 512
    expected = normalised(seven()).astype(int)
    assert np.abs(normalised(found) - expected).mean() < 4


def test_a_long_strip_keeps_a_line(tmp_path: Path) -> None:
    strip = saved(tmp_path / "strip.png", np.full((8, 9000), 200, np.uint8))
    assert read(strip, "strip").shape == (1, 258)


@pytest.mark.parametrize("chalk", [False, True])
@pytest.mark.parametrize("angle", [0, 40, 90, 160, 230, 300])
def test_light_that_falls_off_evenly_is_not_ink(angle: int, chalk: bool) -> None:
    dark = seven()
    # Chalk of 250 on a board of 60.
    picture = 290 - dark.astype(int) if chalk else dark
    down, along = (np.linspace(-1, 1, length) for length in picture.shape)
    fall = np.sin(np.radians(angle)) * down[:, None] + np.cos(np.radians(angle)) * along
    grain = np.random.default_rng(0).normal(0, 2, picture.shape)
    lit = np.rint((picture * (0.7 + 0.2 * fall) + grain).clip(0, 255)).astype(np.uint8)
    expected = normalised(dark).astype(int)
    assert np.abs(normalised(lit) - expected).mean() < 6


def test_paper_in_even_light_is_the_median_of_the_border() -> None:
    grain = np.random.default_rng(0).normal(0, 4, (90, 70))
    for across in (0, -20, 20):
        flat = seven(across=across)
        for picture in (flat, np.rint(flat + grain).astype(np.uint8)):
            border = [picture[0], picture[-1], picture[:, 0], picture[:, -1]]
            assert np.ndim(paper(picture)) == 0
            assert paper(picture) == np.median(np.concatenate(border))


def test_a_bar_along_one_border_is_no_shade() -> None:
    grain = np.random.default_rng(0).normal(0, 4, (60, 60))
    picture = np.full((60, 60), float(PAPER))
    picture[:6] = picture[:, 25:31] = PEN
    assert paper(np.rint(picture + grain).astype(np.uint8)) == pytest.approx(PAPER, abs=4)


def test_shades_grow_with_the_light_and_lines_are_plain_text() -> None:
    levels = np.array([[0, 51, 52, 103, 154, 205, 255]], np.uint8)
    assert shades(levels) == ["    ░░▒▒▓▓████"]
    given = np.full(10, 0.05)
    given[[4, 9]] = 0.5, 0.1
    said = lines("a.png", Digit(np.full((28, 28), 255, np.uint8), given))
    assert said[0] == "a.png: 4 (probability 0.5000)"
    assert [int(line[58]) for line in said[1:11]] == [4, 9, 0, 1, 2, 3, 5, 6, 7, 8]
    assert max(map(len, said)) <= 80
    assert not re.search(r"[\x00-\x1f]", "".join(said))

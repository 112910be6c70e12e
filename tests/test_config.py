from pathlib import Path

import pytest

from retrial.core.config import (
    check_sections,
    profile_name,
    profile_path,
    read_sections,
    section,
)
from retrial.core.errors import RetrialError
from retrial.core.models import Count, FrozenModel, Positive

ROOT = Path(__file__).parents[1]


class Draw(FrozenModel):
    scale: Positive = 1.0


class Example(FrozenModel):
    epochs: Count
    rate: Positive
    widths: tuple[Count, ...] = (3,)
    draw: Draw = Draw()


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    return path


def test_a_section_becomes_a_frozen_object(tmp_path: Path) -> None:
    path = write(tmp_path, "grid: {epochs: 3, rate: 1.0e-3, widths: [4, 5]}\n")
    found = section(path, "grid", Example)
    assert (found.epochs, found.rate, found.widths) == (3, 0.001, (4, 5))
    with pytest.raises(Exception, match="frozen"):
        found.epochs = 4  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grid: {epochs: -1, rate: 1.0}", r"params.yaml: grid.epochs = -1: .*greater than or eq"),
        ("grid: {epochs: '3', rate: 1.0}", r"params.yaml: grid.epochs = '3': .*valid integer"),
        ("grid: {epochs: 3, rate: fast}", r"params.yaml: grid.rate = 'fast': .*valid number"),
        ("grid: {epochs: 3, rate: 1.0, epoch: 3}", r"grid.epoch = 3: unknown key, expected one of"),
        ("grid: {epochs: 3}", r"grid.rate: field required"),
        ("grids: {epochs: 3}", r"key grid is missing"),
        ("grid: {epochs: 3, epochs: 4}", r"params.yaml: line 1 .*duplicate key"),
        ("grid: [", r"params.yaml: line"),
        ("grid: {epochs: 3, rate: .nan}", r"grid.rate = nan"),
        ("grid: 3", r"params.yaml: grid = 3: input should be a valid dictionary"),
        ("grid:", r"params.yaml: grid = None: input should be a valid dictionary"),
        ("", r"params.yaml: expected sections, found an empty file"),
        ("- grid", r"params.yaml: expected sections, found \['grid'\]"),
        ("grid: \x01", r"params.yaml: .*"),
        ("grid: {epochs: 3, rate: 1.0, draw: {a: 3}}", r"grid.draw.a = 3: unknown key$"),
    ],
)
def test_a_mistake_is_one_line_with_file_key_and_value(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(RetrialError, match=message) as caught:
        section(write(tmp_path, text), "grid", Example)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_utf_8_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(b"grid: \xff")
    with pytest.raises(RetrialError, match=r"params.yaml: byte 6 is not UTF-8"):
        section(path, "grid", Example)


def test_an_unknown_profile_names_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    for name in ("quick", "paper"):
        (tmp_path / "profiles" / f"{name}.yaml").write_text("{}")
    path = write(tmp_path, "profile: papr\n")
    with pytest.raises(RetrialError, match=r"profile = 'papr': expected one of paper, quick"):
        profile_name(path)


def test_a_section_that_no_profile_knows_is_refused(tmp_path: Path) -> None:
    profile = tmp_path / "quick.yaml"
    profile.write_text("grid: {seeds: 3}\n")
    path = write(tmp_path, "profile: quick\ngrid: {}\ngird: {epochs: 3}\n")
    with pytest.raises(RetrialError, match=r"params.yaml: gird = .*unknown key, expected one of"):
        check_sections(path, profile)


def test_an_empty_profile_is_one_line(tmp_path: Path) -> None:
    profile = tmp_path / "quick.yaml"
    profile.touch()
    path = write(tmp_path, "profile: quick\ngrid: {}\n")
    with pytest.raises(RetrialError, match=r"quick.yaml: expected sections, found an empty file"):
        check_sections(path, profile)


def test_one_network_serves_all_library_classifiers() -> None:
    params = read_sections(ROOT / "params.yaml")
    network = params["library_mlp"]["network"]
    assert params["library_grid"]["network"] == network
    assert params["code_classifier"]["network"] == network
    assert params["features"]["hidden"] == params["autoencoder"]["hidden"]


@pytest.mark.parametrize("profile", ["smoke", "quick", "paper"])
def test_stages_that_follow_one_another_have_the_same_encoders(profile: str) -> None:
    budgets = read_sections(profile_path(profile, ROOT))
    first = budgets["autoencoder"]
    whole = first["epochs_at_most"] is None and first["train_at_most"] is None
    for later in (budgets["features"], budgets["code_classifier"]):
        assert later["seeds"] == first["seeds"]
        assert later["converged_seeds"] == first["converged_seeds"]
        assert later["encoders_whole"] == whole
    assert budgets["code_classifier"]["budget_seeds"] <= first["seeds"]

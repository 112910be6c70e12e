"""The study of boundaries on Iris, on a few made-up flowers and networks of few iterations."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from wrong_sections import changed, refused

from retrial import boundary
from retrial.core.config import validated
from retrial.core.errors import RetrialError
from retrial.core.trial import Result, Trial
from retrial.studies import iris_boundary as study

ROOT = Path(__file__).parents[1]
PARAMS: dict[str, Any] = YAML(typ="safe").load((ROOT / "params.yaml").read_text())[study.NAME]
SECTION: dict[str, Any] = PARAMS | {
    "hidden": 4,
    "iterations": 30,
    "alphas": {"low": 0.01, "high": 100.0, "count": 3},
    "view": {"margin": 1.0, "side": 12},
}
PROTOCOL = validated(SECTION, study.Protocol, "params.yaml: iris_boundary")
BUDGET = study.Budget(seeds=2, iterations_at_most=None)


@pytest.fixture(scope="module")
def data() -> Mapping[str, np.ndarray]:
    """Twelve flowers of each of three classes, larger from class to class."""
    chance = np.random.default_rng(0)
    labels = np.repeat(np.arange(3, dtype=np.uint8), 12)
    rows = chance.permutation(24).astype(np.int32)
    return {
        "features": chance.normal(size=(36, 4)) + 3.0 * labels[:, None],
        "labels": labels,
        "train": rows[:16],
        "test": rows[16:],
    }


def trial(arm: str, seed: int = 0) -> Trial:
    found = study.trials(PROTOCOL, BUDGET)
    return next(one for one in found if (one.arm, one.seed) == (arm, seed))


def values(result: Result) -> dict[str, float | int | None]:
    return {name: metric.value for name, metric in result.metrics.items()}


def test_the_alphas_of_the_protocol_are_those_of_the_printed_code() -> None:
    own = validated(PARAMS, study.Protocol, "params.yaml: iris_boundary")
    assert own.alphas.values() == np.logspace(-3, 3, 20).tolist()


def test_the_columns_of_the_protocol_are_sepal_and_petal_length() -> None:
    iris = load_iris()
    assert [iris.feature_names[place] for place in PARAMS["columns"]] == [
        "sepal length (cm)", "petal length (cm)",
    ]  # fmt: skip
    assert iris.target_names[list(study.CLASSES)].tolist() == ["setosa", "versicolor"]


def test_an_arm_is_named_after_its_place_and_the_budget_cuts_networks_alone() -> None:
    cut = study.trials(PROTOCOL, study.Budget(seeds=3, iterations_at_most=10))
    assert [(one.arm, one.seed) for one in cut] == [
        ("data", 0), *((arm, seed) for arm in ("01", "02", "03") for seed in range(3)), ("gif", 0)
    ]  # fmt: skip
    assert [one.arm for one in cut if one.whole] == ["data"]
    assert all(one.config["iterations"] == 10 for one in cut if one.arm != "data")
    assert all(one.whole for one in study.trials(PROTOCOL, BUDGET))
    assert trial("03").config["alpha"] == pytest.approx(100.0)
    assert study.skipped(PROTOCOL, BUDGET) == []


def test_rows_are_standardised_by_the_training_rows(data: Mapping[str, np.ndarray]) -> None:
    result = study.run(trial("data"), data)
    told = values(result)
    raw = data["features"][data["train"]][:, [0, 2]]
    held = data["features"][data["test"]][:, [0, 2]]
    expected = (held - raw.mean(axis=0)) / raw.std(axis=0)
    assert result.arrays["test_points"] == pytest.approx(expected)
    assert told["train_mean_0"] == pytest.approx(0, abs=1e-12)
    assert told["train_deviation_1"] == pytest.approx(1)
    assert told["test_mean_1"] == pytest.approx(expected[:, 1].mean())
    assert (told["distinct_rows"], told["train_size"], told["test_size"]) == (24, 16, 8)
    of_test = data["labels"][data["test"]]
    assert told["test_class_1"] == of_test.sum()
    assert told["train_class_0"] == 12 - (len(of_test) - of_test.sum())
    both = np.concatenate([raw, held])
    ones = np.concatenate([data["labels"][data[part]] for part in study.PARTS]) == 1
    gap = (both[ones].min(axis=0) - both[~ones].max(axis=0)) / raw.std(axis=0)
    assert [told["gap_0"], told["gap_1"]] == pytest.approx(gap)


@pytest.fixture(scope="module")
def theirs(data: Mapping[str, np.ndarray]) -> tuple[MLPClassifier, Mapping[str, np.ndarray]]:
    """The printed code on the same rows, with the second alpha and the second seed."""
    labels = {part: data["labels"][data[part]] for part in study.PARTS}
    raw = {part: data["features"][data[part]][:, [0, 2]] for part in study.PARTS}
    scaler = StandardScaler()
    x = scaler.fit_transform(raw["train"])
    alpha = trial("02").config["alpha"]
    model = MLPClassifier(hidden_layer_sizes=(4,), alpha=alpha, max_iter=30, random_state=43)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x, labels["train"])
    rows = {"train": x, "test": scaler.transform(raw["test"])}
    return model, rows | {f"{part}_labels": labels[part] for part in study.PARTS}


def test_a_network_is_the_library_s(
    data: Mapping[str, np.ndarray], theirs: tuple[MLPClassifier, Mapping[str, np.ndarray]]
) -> None:
    model, rows = theirs
    told = values(study.run(trial("02", 1), data))
    for part in study.PARTS:
        accuracy = model.score(rows[part], rows[f"{part}_labels"])
        assert told[f"{part}_accuracy"] == accuracy
    assert (told["iterations"], told["converged"]) == (30, 0)
    assert told["weight_norm"] == np.sqrt(sum((one**2).sum() for one in model.coefs_))
    assert told["bias_norm"] == np.sqrt(sum((one**2).sum() for one in model.intercepts_))
    of_label = model.predict_proba(rows["train"])[np.arange(16), rows["train_labels"]]
    assert told["train_cross_entropy"] == pytest.approx(-np.log(of_label).mean())
    grid = boundary.grid_around(rows["train"], 1.0, 12)
    probability = model.predict_proba(grid.points)[:, 1]
    assert told["lowest"] == pytest.approx(probability.min())
    assert told["highest"] == pytest.approx(probability.max())
    assert told["class_1_share"] == model.predict(grid.points).mean()


def test_arrays_of_a_network(data: Mapping[str, np.ndarray]) -> None:
    first, second = (study.run(trial("01", seed), data) for seed in range(2))
    assert sorted(first.arrays) == ["correct_bits", "label_bits"]
    # What figures draw is kept of seed 0 alone.
    assert sorted(second.arrays) == ["correct_bits"]
    labels = np.unpackbits(first.arrays["label_bits"], count=144)
    assert labels.mean() == first.metrics["class_1_share"].value
    correct = np.unpackbits(first.arrays["correct_bits"], count=8)
    assert correct.mean() == first.metrics["test_accuracy"].value


def test_a_network_that_stops_before_its_last_iteration_has_converged(
    data: Mapping[str, np.ndarray],
) -> None:
    long = trial("03").config | {"iterations": 3000}
    told = values(study.run(Trial(study.NAME, "03", 0, long), data))
    assert told["converged"] == 1
    assert 10 < (told["iterations"] or 0) < 3000


def test_networks_of_a_seed_begin_alike(data: Mapping[str, np.ndarray]) -> None:
    # After one step of Adam, weights lie within its rate of where they began.
    rows = study.Rows(PROTOCOL.columns, data)
    begun = [
        study._fitted(alpha, Trial(study.NAME, "", seed, trial("01").config | {"iterations": 1}),
                      rows, {}).model.coefs_[0]
        for alpha, seed in ((0.01, 0), (100.0, 0), (100.0, 1))
    ]  # fmt: skip
    assert np.abs(begun[0] - begun[1]).max() <= 0.0021
    assert np.abs(begun[0] - begun[2]).max() > 0.1


def test_bytes_do_not_depend_on_what_a_trial_is_run_with(data: Mapping[str, np.ndarray]) -> None:
    every = [one for one in study.trials(PROTOCOL, BUDGET) if one.seed == 0]
    for one, result in zip(every, study.run_together(every, data), strict=True):
        alone = study.run(one, data)
        assert alone.metrics == result.metrics
        assert sorted(alone.arrays) == sorted(result.arrays)
        for name, array in alone.arrays.items():
            assert array.tobytes() == result.arrays[name].tobytes()


def test_only_networks_of_the_film_are_run_together() -> None:
    kinds = [study.together(one) for one in study.trials(PROTOCOL, BUDGET)]
    # The rows, three networks and the film; then three networks of another seed.
    assert sorted(kinds.count(kind) for kind in set(kinds)) == [1, 1, 1, 5]


def test_the_film_has_a_frame_for_each_alpha(data: Mapping[str, np.ndarray]) -> None:
    result = study.run(trial("gif"), data)
    told = values(result)
    film = boundary.decoded(result.arrays["film"].tobytes())
    assert (told["frames"], told["shortest"], told["longest"], told["loop"]) == (3, 500, 500, 0)
    assert (told["once_frames"], told["once_longest"]) == (1, 500)
    assert film.durations == [500, 500, 500]
    # A frame shows what the network of its alpha says: the corners have no flower.
    for place, frame in enumerate(film.frames):
        bits = study.run(trial(f"{place + 1:02d}"), data).arrays["label_bits"]
        labels = np.unpackbits(bits, count=144).reshape(12, 12)
        assert frame[0, 0].tolist() == boundary.PALETTE[boundary.TINT + labels[-1, 0]].tolist()
        assert frame[0, 35].tolist() == boundary.PALETTE[boundary.TINT + labels[-1, -1]].tolist()


def test_without_a_bar_equal_frames_are_merged(data: Mapping[str, np.ndarray]) -> None:
    same = trial("gif").config | {"alphas": [0.01, 0.01, 0.01, 100.0], "iterations": 300}
    told = values(study.run(Trial(study.NAME, "gif", 0, same), data))
    assert told["frames"] == 4
    assert (told["bare_frames"], told["bare_longest"]) == (2, 1500)


def test_a_loss_that_overflows_is_a_divergence(data: Mapping[str, np.ndarray]) -> None:
    config = trial("01").config | {"alpha": 1e308}
    result = study.run(Trial(study.NAME, "01", 0, config), data)
    assert result.status == "diverged"
    assert result.detail == {"epoch": 1, "tensor": "loss"}


@pytest.mark.parametrize("part", study.PARTS)
@pytest.mark.parametrize("label", study.CLASSES)
def test_a_part_without_a_class_is_told(
    data: Mapping[str, np.ndarray], part: str, label: int
) -> None:
    rows = data[part]
    lacking = {**data, part: rows[data["labels"][rows] != label]}
    with pytest.raises(RetrialError) as error:
        study.run(trial("01"), lacking)
    assert str(error.value) == (
        f"split iris: {part}: no row of class {label}, expected rows of class 0 and of class 1 only"
    )


def test_a_part_without_rows_is_told(data: Mapping[str, np.ndarray]) -> None:
    with pytest.raises(RetrialError, match=r"^split iris: train: no row of class 0, expected"):
        study.run(trial("data"), {**data, "train": np.empty(0, np.int32)})


def test_a_third_class_is_told(data: Mapping[str, np.ndarray]) -> None:
    with pytest.raises(RetrialError, match=r"^split iris: test: a row of class 2, expected rows"):
        study.run(trial("data"), {**data, "test": np.arange(36)})


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        ("alphas.low", -0.001, "alphas.low = -0.001: input should be greater than 0"),
        ("alphas.high", 0.0001, "alphas.high = 0.0001: value error, expected at least low, 0.01"),
        ("alphas.count", 0, "alphas.count = 0: input should be greater than or equal to 1"),
        ("columns", [0, 0], "columns = (0, 0): value error, expected two different columns"),
        ("columns", [0, 4], "columns.1 = 4: input should be less than or equal to 3"),
        ("view.side", 1, "view.side = 1: input should be greater than or equal to 2"),
        ("gif.loop", -1, "gif.loop = -1: input should be greater than or equal to 0"),
        ("hidden", 0, "hidden = 0: input should be greater than or equal to 1"),
    ],
)
def test_a_protocol_with_a_mistake(tmp_path: Path, keys: str, value: Any, said: str) -> None:
    assert refused(tmp_path, study.NAME, changed(SECTION, keys, value), study.Protocol) == said


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        ("seeds", 0, "seeds = 0: input should be greater than or equal to 1"),
        ("iterations_at_most", 0,
         "iterations_at_most = 0: input should be greater than or equal to 1"),
    ],
)  # fmt: skip
def test_a_budget_with_a_mistake(tmp_path: Path, keys: str, value: Any, said: str) -> None:
    content = {"seeds": 1, "iterations_at_most": None, keys: value}
    assert refused(tmp_path, study.NAME, content, study.Budget) == said


def test_every_profile_has_a_budget() -> None:
    for path in sorted((ROOT / "profiles").glob("*.yaml")):
        content = YAML(typ="safe").load(path.read_text())[study.NAME]
        validated(content, study.Budget, f"{path}: {study.NAME}")

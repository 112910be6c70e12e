"""Regularization in Machine Learning (report 001, P4): the boundary of a network under a penalty.

Setosa and Versicolor of Iris, sepal and petal length, standardised with means and deviations of
the training rows. scikit-learn's `MLPClassifier` with one hidden layer, trained with penalties
`alpha` that are evenly spaced in logarithm. Seed 0 has the report's own `random_state`, seed s
that number plus s; the networks of a seed share their initial draws and their orders of rows.

    data        the rows: counts, means and deviations, the gap between the classes
    01, 02, …   the network of the first alpha, of the second one …
    gif         all networks of seed 0, their boundaries as one animated GIF

The networks of seed 0 are trained once for their own arms and the GIF together.
"""

import warnings
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator
from scipy.special import expit

from retrial import boundary
from retrial.boundary import Grid, Network, Surface
from retrial.core.errors import RetrialError
from retrial.core.models import Count, FrozenModel, Positive
from retrial.core.trial import Metric, Result, Trial

# scikit-learn takes longer to load than a stage to begin, and only workers fit.
if TYPE_CHECKING:
    from sklearn.neural_network import MLPClassifier

Array = NDArray[Any]
Config = dict[str, Any]

NAME = "iris_boundary"
# All networks of seed 0 and the GIF are one program; every other trial is one of its own.
AT_ONCE = 1000
CLASSES = (0, 1)
PARTS = ("train", "test")

Column = Annotated[int, Field(ge=0, le=3)]


class Alphas(FrozenModel):
    """Penalties from `low` to `high`, evenly spaced in logarithm."""

    low: Positive
    high: Positive
    count: Count

    @field_validator("high")
    @classmethod
    def not_below_low(cls, high: float, info: ValidationInfo) -> float:
        """The range must ascend."""
        if high < info.data.get("low", high):
            raise ValueError(f"expected at least low, {info.data['low']!r}")
        return high

    def values(self) -> list[float]:
        """The penalties in ascending order, as `numpy.logspace` gives them."""
        found = np.logspace(np.log10(self.low), np.log10(self.high), self.count)
        return [float(value) for value in found]


class View(FrozenModel):
    """Where a boundary is looked at: `side` × `side` points, `margin` beyond the training rows."""

    margin: Positive
    side: Annotated[int, Field(ge=2)]


class Gif(FrozenModel):
    """The file: milliseconds a frame, how often it is repeated (0: no end), pixels a grid point."""

    duration: Count
    loop: Annotated[int, Field(ge=0)]
    scale: Count


class Protocol(FrozenModel):
    """Section `iris_boundary` of params.yaml."""

    columns: tuple[Column, Column]
    hidden: Count
    iterations: Count
    random_state: Annotated[int, Field(ge=0, lt=2**31)]
    alphas: Alphas
    view: View
    gif: Gif

    @field_validator("columns")
    @classmethod
    def two_columns(cls, columns: tuple[int, int]) -> tuple[int, int]:
        """A plane needs two features."""
        if columns[0] == columns[1]:
            raise ValueError("expected two different columns")
        return columns


class Budget(FrozenModel):
    """Seeds of each alpha; `iterations_at_most` null: all of them."""

    seeds: Count
    iterations_at_most: Count | None


def arms(protocol: Protocol) -> dict[str, Config]:
    """The config of every arm at its full length, by name.

    An arm is named after the place of its alpha, so that another range keeps the names.
    """
    alphas = protocol.alphas.values()
    shared = {
        "columns": list(protocol.columns),
        "hidden": protocol.hidden,
        "iterations": protocol.iterations,
        "random_state": protocol.random_state,
        **protocol.view.model_dump(),
    }
    found: dict[str, Config] = {"data": {"task": "data", "columns": list(protocol.columns)}}
    found |= {
        f"{place:02d}": {"task": "network", "alpha": alpha, **shared}
        for place, alpha in enumerate(alphas, 1)
    }
    found["gif"] = {"task": "gif", "alphas": alphas, **shared, **protocol.gif.model_dump()}
    return found


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """The rows, each alpha with each seed, and the GIF."""
    found = []
    for arm, full in arms(protocol).items():
        if full["task"] == "data":
            found.append(Trial(NAME, arm, 0, full, cost=0.01))
            continue
        iterations = min(full["iterations"], budget.iterations_at_most or full["iterations"])
        config = full | {"iterations": iterations}
        whole = iterations == full["iterations"]
        cost = 3e-4 * iterations
        seeds = budget.seeds if full["task"] == "network" else 1
        found += [Trial(NAME, arm, seed, config, whole, cost) for seed in range(seeds)]
    return found


def skipped(protocol: Protocol, budget: Budget) -> list[str]:
    """No budget leaves out an arm."""
    return []


def together(trial: Trial) -> Hashable:
    """What trials must share to be run in one program: the networks of the GIF."""
    return "seed 0" if trial.seed == 0 else (trial.arm, trial.seed)


def run(trial: Trial, data: Mapping[str, Array]) -> Result:
    """Run one trial on Iris (`features` (n, 4), `labels`) and the split (`train`, `test`).

    RetrialError for a split of which a part lacks a class, or has a third one.
    """
    return run_together([trial], data)[0]


def run_together(trials: Sequence[Trial], data: Mapping[str, Array]) -> list[Result]:
    """Run trials of one protocol and budget, training no network twice.

    Metrics of a network: `alpha`; `train_accuracy`, `test_accuracy`, `train_cross_entropy`;
    `weight_norm` and `bias_norm`, Euclidean over both layers; of the probability of class 1 on the
    grid the `lowest`, the `highest`, the `steepest` slope and, where it is above 1/2, the
    `class_1_share`; of the boundary within the grid the `pieces`, the `boundary_length`, and its
    `bending`, None where there is none (lengths in standard deviations of a feature); `iterations`
    and whether it `converged`. Arrays: `correct_bits` of the test rows, and for seed 0 `label_bits`
    of the grid, row by row from the lowest petal length. A loss that is not finite is a divergence.
    """
    fitted: dict[tuple[float, int], Fitted] = {}
    results = []
    for trial in trials:
        rows = Rows(trial.config["columns"], data)
        match trial.config["task"]:
            case "data":
                results.append(_of_rows(rows))
            case "network":
                found = _fitted(trial.config["alpha"], trial, rows, fitted)
                results.append(_of_network(found, trial, rows))
            case "gif":
                every = [_fitted(alpha, trial, rows, fitted) for alpha in trial.config["alphas"]]
                results.append(_of_film([one.model for one in every], trial, rows))
    return results


class Fitted(NamedTuple):
    """A trained network, and whether it stopped before its last iteration."""

    model: "MLPClassifier"
    converged: bool


class Rows:
    """The rows of both parts: `points` (n, 2) standardised by the training rows, `labels` (n,)."""

    def __init__(self, columns: Sequence[int], data: Mapping[str, Array]) -> None:
        features, labels = np.asarray(data["features"]), np.asarray(data["labels"])
        self.indices = {part: np.asarray(data[part]) for part in PARTS}
        self.labels: dict[str, Array] = {p: labels[rows] for p, rows in self.indices.items()}
        for part, found in self.labels.items():
            expected = "expected rows of class 0 and of class 1 only"
            for label in CLASSES:
                if label not in found:
                    raise RetrialError(f"split iris: {part}: no row of class {label}, {expected}")
            if found.max() > max(CLASSES):
                raise RetrialError(f"split iris: {part}: a row of class {found.max()}, {expected}")
        raw = {part: features[rows][:, list(columns)] for part, rows in self.indices.items()}
        from sklearn.preprocessing import StandardScaler

        scaler = StandardScaler().fit(raw["train"])
        self.points: dict[str, Array] = {p: scaler.transform(raw[p]) for p in PARTS}

    def grid(self, config: Mapping[str, Any]) -> Grid:
        """The grid around the training rows."""
        return boundary.grid_around(self.points["train"], config["margin"], config["side"])


def _of_rows(rows: Rows) -> Result:
    """Counts, means and deviations of the standardised parts, and the gap between the classes."""
    every = np.concatenate([rows.indices[part] for part in PARTS])
    metrics = {"distinct_rows": Metric(len(np.unique(every)), len(every))}
    for part in PARTS:
        points, labels = rows.points[part], rows.labels[part]
        n = len(labels)
        metrics[f"{part}_size"] = Metric(n, n)
        metrics |= {
            f"{part}_class_{label}": Metric(int((labels == label).sum()), n) for label in CLASSES
        }
        for place in range(2):
            metrics[f"{part}_mean_{place}"] = Metric(float(points[:, place].mean()), n)
            metrics[f"{part}_deviation_{place}"] = Metric(float(points[:, place].std()), n)
    points, labels = (
        np.concatenate([of[part] for part in PARTS]) for of in (rows.points, rows.labels)
    )
    # Above 0: this feature alone tells the classes apart, class 1 having the larger values.
    gaps = points[labels == 1].min(axis=0) - points[labels == 0].max(axis=0)
    metrics |= {f"gap_{i}": Metric(float(gap), len(points)) for i, gap in enumerate(gaps)}
    arrays = {f"{part}_points": rows.points[part] for part in PARTS}
    arrays |= {f"{part}_labels": rows.labels[part].astype(np.uint8) for part in PARTS}
    return Result(metrics, arrays=arrays)


def _fitted(
    alpha: float, trial: Trial, rows: Rows, fitted: dict[tuple[float, int], Fitted]
) -> Fitted:
    """The report's network, from `fitted` where it has been trained before."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    config, key = trial.config, (alpha, trial.seed)
    if key not in fitted:
        model = MLPClassifier(
            hidden_layer_sizes=(config["hidden"],),
            alpha=alpha,
            max_iter=config["iterations"],
            random_state=config["random_state"] + trial.seed,
        )
        with (
            warnings.catch_warnings(record=True) as caught,
            np.errstate(over="ignore", invalid="ignore"),
        ):
            warnings.simplefilter("always", ConvergenceWarning)
            model.fit(rows.points["train"], rows.labels["train"])
        stopped = not any(issubclass(told.category, ConvergenceWarning) for told in caught)
        fitted[key] = Fitted(model, stopped)
    return fitted[key]


def network_of(model: "MLPClassifier") -> Network:
    """The weights of a fitted classifier."""
    (inward, outward), (inward_biases, outward_biases) = model.coefs_, model.intercepts_
    return Network(inward, inward_biases, outward[:, 0], float(outward_biases[0]))


def _surface(model: "MLPClassifier", trial: Trial, rows: Rows) -> Surface:
    return boundary.surface(network_of(model), rows.grid(trial.config))


def _of_network(found: Fitted, trial: Trial, rows: Rows) -> Result:
    model, config = found.model, trial.config
    seen = _surface(model, trial, rows)
    lines = boundary.boundary_lines(seen.scores, rows.grid(config))
    right = {part: model.predict(rows.points[part]) == rows.labels[part] for part in PARTS}
    probability = expit(seen.scores)
    train = len(right["train"])
    metrics = {
        "alpha": Metric(config["alpha"], 0),
        **{f"{part}_accuracy": Metric(float(one.mean()), len(one)) for part, one in right.items()},
        "train_cross_entropy": Metric(_cross_entropy(model, rows), train),
        "weight_norm": Metric(_norm(model.coefs_), 0),
        "bias_norm": Metric(_norm(model.intercepts_), 0),
        "lowest": Metric(float(probability.min()), 0),
        "highest": Metric(float(probability.max()), 0),
        "steepest": Metric(float(seen.slopes.max()), 0),
        "class_1_share": Metric(float(seen.labels.mean()), seen.labels.size),
        "pieces": Metric(len(lines), 0),
        "boundary_length": Metric(boundary.boundary_length(lines), 0),
        "bending": Metric(boundary.bending(lines), 0),
        "iterations": Metric(model.n_iter_, 0),
        "converged": Metric(int(found.converged), 0),
    }
    arrays = {"correct_bits": np.packbits(right["test"])}
    if trial.seed == 0:
        arrays["label_bits"] = np.packbits(seen.labels)
    finite = np.isfinite(model.loss_curve_)
    if finite.all():
        return Result(metrics, arrays=arrays)
    detail = {"epoch": int(np.argmin(finite)) + 1, "tensor": "loss"}
    return Result(metrics, status="diverged", detail=detail, arrays=arrays)


def _cross_entropy(model: "MLPClassifier", rows: Rows) -> float:
    """The mean over training rows of −log of the label's probability, without the penalty."""
    signs = np.where(rows.labels["train"] == 1, -1.0, 1.0)
    scores = network_of(model).scores(rows.points["train"])
    return float(np.logaddexp(0, signs * scores).mean())


def _norm(parameters: Sequence[Array]) -> float:
    return float(np.sqrt(sum(float((one**2).sum()) for one in parameters)))


def _of_film(models: Sequence["MLPClassifier"], trial: Trial, rows: Rows) -> Result:
    """The boundaries as a GIF, read back: its frames, the ms of the shortest and longest, its loop.

    `bare_…`: the same without the bar that tells alpha. `once_…`: with the last picture alone, as
    it is if pictures are appended after the loop over the alphas and not within it.
    """
    config, grid = trial.config, rows.grid(trial.config)
    points, labels = rows.points["train"], rows.labels["train"]
    bare = [
        boundary.picture(_surface(model, trial, rows).labels, grid, points, labels, config["scale"])
        for model in models
    ]
    full = [boundary.with_bar(one, (i + 1) / len(bare)) for i, one in enumerate(bare)]
    metrics, files = {}, {}
    for start, pictures in (("", full), ("bare_", bare), ("once_", full[-1:])):
        files[start] = boundary.encoded(pictures, config["duration"], config["loop"])
        film = boundary.decoded(files[start])
        n = len(film.durations)
        metrics[f"{start}frames"] = Metric(n, len(pictures))
        metrics[f"{start}shortest"] = Metric(min(film.durations), n)
        metrics[f"{start}longest"] = Metric(max(film.durations), n)
        metrics[f"{start}loop"] = Metric(film.loop, n)
    return Result(metrics, arrays={"film": np.frombuffer(files[""], np.uint8)})

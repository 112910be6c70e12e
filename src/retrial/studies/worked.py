"""Formulas, worked numbers and small constructions, checked line by line.

One trial per exercise (and reading of it). A trial works the exercise's sheet out: the right value
of every line beside its proof, and what each slip makes of its own line and of all lines below.
Exercises with chance in them are worked on several random draws: differences are the largest of
all draws, values those of the first. What a report says of training in words is measured in small,
one trial per seed. Nothing here knows what a report printed.

Metrics: `<line>` is its value where it is one number (None: several), `<line>.<i>` one of a few;
`<line>.difference` its largest relative difference from its proof, `<line>.<slip>` the same with
that slip in it. Detail: the lines and slips with their values as exact text.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from retrial.core.config import validated
from retrial.core.models import Count, FrozenModel
from retrial.core.seeds import generator
from retrial.core.trial import Metric, Result, Trial
from retrial.worked import (
    backprop_rules,
    batch_norm,
    chain_rule,
    descent,
    dropout_regression,
    feature_maps,
    gradient_ranges,
    hand_backprop,
    hard_margin,
    hessian,
    kernel_theorems,
    logistic_gradient,
    margins,
    newton,
    normalised_training,
    plain_layers,
    relu_regression,
    rosenbrock,
    softmax_backprop,
    softmax_hessian,
    step_networks,
    threshold_networks,
    universal_networks,
)  # fmt: skip
from retrial.worked.sheet import Sheet, difference, number, worked_out, written

NAME = "worked"


class Protocol(FrozenModel):
    """Section `worked` of params.yaml: what each exercise is given."""

    plain_layers: plain_layers.Given
    threshold_networks: threshold_networks.Given
    step_networks: step_networks.Given
    universal_networks: universal_networks.Given
    chain_rule: chain_rule.Given
    descent: descent.Given
    hard_margin: hard_margin.Given
    feature_maps: feature_maps.Given
    kernel_theorems: kernel_theorems.Given
    logistic_gradient: logistic_gradient.Given
    batch_norm: batch_norm.Given
    normalised_training: normalised_training.Given
    softmax_backprop: softmax_backprop.Given
    hessian: hessian.Given
    dropout_regression: dropout_regression.Given
    newton: newton.Given
    softmax_hessian: softmax_hessian.Given
    rosenbrock: rosenbrock.Given
    relu_regression: relu_regression.Given
    margins: margins.Given
    hand_backprop: hand_backprop.Given
    gradient_ranges: gradient_ranges.Given


class Budget(FrozenModel):
    """Section `worked` of a profile.

    `draws`: random draws of the exercises with chance in them; `seeds` of the measured ones.
    """

    draws: Count
    seeds: Count


class Exercise(NamedTuple):
    """What an arm works out: the key of what it is given, and its sheet.

    `sheet` makes the sheet from what is given and a generator; `drawn` says whether it uses it.
    """

    given: str
    sheet: Callable[[Any, np.random.Generator], Sheet]
    drawn: bool = False


# By report and section; an arm has one sheet for each reading of an exercise.
EXERCISES: Mapping[str, Exercise] = {
    # 000, questions 1 and 2, sections 4 and 5
    "plain_layers": Exercise("plain_layers", plain_layers.sheet, drawn=True),
    "threshold_networks": Exercise("threshold_networks", threshold_networks.sheet),
    "step_networks": Exercise("step_networks", step_networks.sheet, drawn=True),
    "universal_networks": Exercise("universal_networks", universal_networks.sheet, drawn=True),
    "chain_rule/printed": Exercise(
        "chain_rule", partial(chain_rule.sheet, reading="printed"), drawn=True
    ),
    "chain_rule/exchanged": Exercise(
        "chain_rule", partial(chain_rule.sheet, reading="exchanged"), drawn=True
    ),
    "descent": Exercise("descent", descent.sheet, drawn=True),
    "hard_margin": Exercise("hard_margin", hard_margin.sheet),
    "feature_maps/rebuilt": Exercise(
        "feature_maps", partial(feature_maps.sheet, reading="rebuilt")
    ),
    "feature_maps/random": Exercise(
        "feature_maps", partial(feature_maps.sheet, reading="random"), drawn=True
    ),
    "kernel_theorems": Exercise("kernel_theorems", kernel_theorems.sheet, drawn=True),
    # 001, theory, 1 to 7, and practical part 1
    "logistic_gradient": Exercise("logistic_gradient", logistic_gradient.sheet, drawn=True),
    "batch_norm": Exercise("batch_norm", batch_norm.sheet, drawn=True),
    "softmax_backprop": Exercise("softmax_backprop", softmax_backprop.sheet, drawn=True),
    "hessian": Exercise("hessian", hessian.sheet, drawn=True),
    "dropout_regression/printed": Exercise(
        "dropout_regression", partial(dropout_regression.sheet, sign=-1), drawn=True
    ),
    "dropout_regression/loss": Exercise(
        "dropout_regression", partial(dropout_regression.sheet, sign=1), drawn=True
    ),
    "newton": Exercise("newton", newton.sheet),
    "softmax_hessian": Exercise("softmax_hessian", softmax_hessian.sheet, drawn=True),
    "rosenbrock/formulas": Exercise("rosenbrock", rosenbrock.formulas, drawn=True),
    "rosenbrock/descents": Exercise("rosenbrock", rosenbrock.descents),
    # 002, A
    "relu_regression/delta": Exercise("relu_regression", partial(relu_regression.sheet, factor=1)),
    "relu_regression/gradient": Exercise(
        "relu_regression", partial(relu_regression.sheet, factor=2)
    ),
    "margins": Exercise("margins", margins.sheet, drawn=True),
    # 003, exercise 6
    "hand_backprop/given": Exercise("hand_backprop", partial(hand_backprop.sheet, reading="given")),
    "hand_backprop/assumed": Exercise(
        "hand_backprop", partial(hand_backprop.sheet, reading="assumed")
    ),
    "hand_backprop/formulas": Exercise("hand_backprop", backprop_rules.sheet, drawn=True),
    # 004, exercise 1, A and D
    "gradient_ranges/squared_error": Exercise("gradient_ranges", gradient_ranges.squared_error),
    "gradient_ranges/coupled": Exercise("gradient_ranges", gradient_ranges.coupled),
    "gradient_ranges/cross_entropy": Exercise("gradient_ranges", gradient_ranges.cross_entropy),
    "gradient_ranges/lecun": Exercise("gradient_ranges", gradient_ranges.lecun, drawn=True),
}
# Arms that measure and do not prove, one trial per seed.
MEASURED: Mapping[str, Callable[[Any, np.random.Generator], dict[str, float]]] = {
    "normalised_training": normalised_training.measure,
}


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per exercise, and one per seed of what is measured."""
    worked = [
        Trial(
            NAME,
            arm,
            0,
            {
                "given": getattr(protocol, exercise.given).model_dump(mode="json"),
                "draws": budget.draws if exercise.drawn else 1,
            },
        )
        for arm, exercise in EXERCISES.items()
    ]
    measured = [
        Trial(NAME, arm, seed, {"given": getattr(protocol, arm).model_dump(mode="json")})
        for arm in MEASURED
        for seed in range(budget.seeds)
    ]
    return worked + measured


def skipped(protocol: Protocol, budget: Budget) -> list[str]:
    """No budget leaves an exercise out."""
    return []


def run(trial: Trial, data: Mapping[str, np.ndarray]) -> Result:
    """Work one exercise out; raises ValueError when a line does not agree with its proof."""
    if trial.arm in MEASURED:
        chance = generator(NAME, trial.arm, trial.seed)
        found = MEASURED[trial.arm](given_of(trial, trial.arm), chance)
        return Result({name: Metric(value, 0) for name, value in found.items()})
    sheets = sheets_of(trial)
    first = sheets[0]
    right = [worked_out(sheet) for sheet in sheets]
    metrics: dict[str, Metric] = {}
    lines: dict[str, Any] = {}
    for name, line in first.lines.items():
        apart = largest_difference(sheets, right, name)
        if not apart <= line.tolerance:
            raise ValueError(f"{trial.arm}: {name}: differs from its proof by {apart:.3g}")
        lines[name] = {"tex": line.tex, "value": written(right[0][name])}
        metrics |= _entries(name, right[0][name])
        metrics[f"{name}.difference"] = Metric(apart, len(sheets))
    slips: dict[str, Any] = {}
    for slip, (place, content) in first.slips().items():
        slipped = [worked_out(sheet, slip) for sheet in sheets]
        values = {name: written(value) for name, value in slipped[0].items()}
        slips[slip] = {
            "line": place,
            "why": content.why,
            "single": content.single,
            "values": {
                name: value
                for name, value in values.items()
                if value is not None and value != lines[name]["value"]
            },
        }
        metrics[f"{place}.{slip}"] = Metric(largest_difference(sheets, slipped, place), len(sheets))
    return Result(metrics, detail={"lines": lines, "slips": slips}, arrays=dict(first.arrays))


def given_of(trial: Trial, key: str) -> Any:
    """What an exercise is given, as its own model."""
    model: Any = Protocol.model_fields[key].annotation
    return validated(trial.config["given"], model, f"{NAME}.{key}")


def sheets_of(trial: Trial) -> list[Sheet]:
    """The sheets of a trial, one per random draw."""
    exercise = EXERCISES[trial.arm]
    given = given_of(trial, exercise.given)
    return [
        exercise.sheet(given, generator(NAME, trial.arm, draw))
        for draw in range(trial.config["draws"])
    ]


def largest_difference(
    sheets: Sequence[Sheet], values: Sequence[Mapping[str, Any]], name: str
) -> float:
    """The largest difference of a line from its proof, over all draws; at most 1e300."""
    found = (
        difference(value[name], sheet.lines[name].truth)
        for sheet, value in zip(sheets, values, strict=True)
    )
    # Records hold no infinities; a difference in shape is one.
    return min(1e300, max(found))


def _entries(name: str, value: Any) -> dict[str, Metric]:
    """A line's value as metrics: under its own name, and numbered where it has a few entries."""
    entries = np.asarray(value, dtype=object)
    if entries.ndim == 0:
        return {name: Metric(float(number(entries.item())), 0)}
    few = entries.flat if written(value) is not None else ()
    found = {f"{name}.{i}": Metric(float(number(entry)), 0) for i, entry in enumerate(few)}
    return {name: Metric(None, 0), **found}

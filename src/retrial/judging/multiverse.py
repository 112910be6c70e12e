"""The recorded readings of claims: for each family, where other choices than the judged were run.

Pure look-ups in records: of the family's own further arms, and of the search that made its choices.
Searches ran few seeds, which the readings say. A reading whose protocol was cut short is none, and
a family that recorded nothing else has none: silence here is no sign of robustness.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from retrial.core.records import Records
from retrial.judging import choose_depth
from retrial.judging.control_readings import control_readings
from retrial.judging.curves import curve_of, epoch_of
from retrial.judging.ledger import Claim
from retrial.judging.rules import margin_of
from retrial.judging.sensitivity import STATES, Print, Reading, of_runs
from retrial.judging.sentences import SENTENCES, recorded
from retrial.statistics import FEWEST_SEEDS, judge_curve, parse_printed

Ledger = Mapping[str, Claim]
Config = Mapping[str, Any]

THE_RATE, THE_EPOCHS, THE_BATCH = "the learning rate", "the epochs", "the batch"
THE_INITIALISER = "the initialiser"


def readings(
    claim: Claim, records: Records, search: Records | None, ledger: Ledger
) -> list[Reading]:
    """All recorded readings of a claim, the judged one first; empty where there is no other.

    `records` are the family's, `search` those of the search behind its choices.
    """
    found: list[Reading] = []
    test = claim.evidence.test or ""
    if claim.kind == "curve" and search is not None:
        found = _of_curve(claim, records, search, ledger)
    elif test in SENTENCES:
        found = SENTENCES[test](claim, records, search)
    elif claim.family in NUMBERS and claim.kind == "value" and claim.evidence.metric is not None:
        found = NUMBERS[claim.family](claim, records, search)
    if not any(one.judged for one in found):
        return []
    found.sort(key=lambda one: not one.judged)
    return found if len(found) > 1 else []


def _own(claim: Claim, records: Records, arm: str, metric: str) -> np.ndarray | None:
    """(n,) runs of an arm in the unit of the print; None where it is cut short or lacks them.

    A run that diverged counts as one without the number.
    """
    if not recorded(records, [arm]):
        return None
    trials = records.of(arm)
    if any(metric not in trial["metrics"] for trial in trials):
        return None
    values = claim.scale * records.metric(arm, metric)
    lost = np.array([trial["status"] == "diverged" for trial in trials])
    return np.where(lost, np.nan, values)


def _config(records: Records, arm: str) -> Config:
    found: Config = records.of(arm)[0]["config"]
    return found


def _scratch(claim: Claim, records: Records, search: Records | None) -> list[Reading]:
    """Report 002 B: the draw, the learning rate and the epochs of a network that learned."""
    arm, metric = claim.evidence.arm, claim.evidence.metric or ""
    runs = _own(claim, records, arm, metric)
    activation, initial = arm.split("/")
    if search is None or runs is None or "scale" not in _config(records, arm).get("draw", {}):
        return []

    def levels(config: Config, epochs: int) -> dict[str, str]:
        draw = config["draw"]
        return {
            initial: f"{draw['distribution']} {draw['scale']:g}",
            THE_RATE: f"{config['learning_rate']:g}",
            THE_EPOCHS: str(epochs),
        }

    own, printed = _config(records, arm), Print.of(claim)
    found = [of_runs(printed, runs, records.study, arm, levels(own, own["epochs"]), True)]
    for one in search.arms():
        config = _config(search, one)
        if config["activation"] != activation:
            continue
        if initial == "normal" and config["draw"]["distribution"] != "normal":
            continue
        found += _by_epoch(printed, search, one, metric, levels)
    return found


def _by_epoch(
    printed: Print,
    search: Records,
    arm: str,
    metric: str,
    levels: Callable[[Config, int], Mapping[str, str]],
) -> list[Reading]:
    """A reading for each epoch of a searched curve."""
    curve, config = printed.claim.scale * search.curve(arm, metric), _config(search, arm)
    return [
        of_runs(printed, runs, search.study, arm, levels(config, epoch))
        for epoch, runs in enumerate(curve.T, start=1)
    ]


def _library(claim: Claim, records: Records, search: Records | None) -> list[Reading]:
    """Report 002 C: network and schedule, the library itself, and which images are looked at.

    The search recorded the validation columns only.
    """
    arm, metric = claim.evidence.arm, claim.evidence.metric or ""
    runs = _own(claim, records, arm, metric)
    if runs is None or "hidden" not in _config(records, arm):
        return []
    printed, own = Print.of(claim), _config(records, arm)
    plain = {"the program": "ours", "the images": "as stated"}

    def levels(config: Config, epochs: int) -> dict[str, str]:
        return {
            "the hidden widths": "-".join(map(str, config["hidden"])),
            "the solver": str(config["solver"]),
            THE_RATE: f"{config['learning_rate']:g}",
            THE_BATCH: str(config["batch"]),
            THE_EPOCHS: str(epochs),
            **plain,
        }

    judged = levels(own, own["epochs"])
    found = [of_runs(printed, runs, records.study, arm, judged, True)]
    kinds = {
        "leak": {"the images": "also trained on"},
        "library": {"the program": "scikit-learn"},
        "longer": {},
        "faster": {},
    }
    for kind, changed in kinds.items():
        other = f"{kind}/{arm}"
        values = _own(claim, records, other, metric)
        if values is not None:
            config = _config(records, other)
            at = levels(config, config["epochs"]) | changed
            found.append(of_runs(printed, values, records.study, other, at))
    if search is None or metric not in ("validation_loss", "validation_accuracy"):
        return found
    for one in search.arms():
        config = _config(search, one)
        if config["activation"] == arm:
            found += _by_epoch(printed, search, one, metric, levels)
    return found


def _depth(claim: Claim, records: Records, search: Records | None) -> list[Reading]:
    """Report 004 1 B: width, batch, optimiser, rate and initialiser, after the stated epochs."""
    arm, metric = claim.evidence.arm, claim.evidence.metric or ""
    runs = _own(claim, records, arm, metric)
    if search is None or runs is None or "optimiser" not in _config(records, arm):
        return []
    printed = Print.of(claim)
    found = [
        of_runs(printed, runs, records.study, arm, choose_depth.levels(_config(records, arm)), True)
    ]
    for one in search.arms():
        config = _config(search, one)
        values = _own(claim, search, one, metric)
        if f"{config['activation']}/{config['depth']}" == arm and values is not None:
            found.append(of_runs(printed, values, search.study, one, choose_depth.levels(config)))
    return found


def _kernels(claim: Claim, records: Records, search: Records | None) -> list[Reading]:
    """Report 000, section 6: the pixel scale, the folds, the drawn images.

    Printed with two decimals and without chance, so compared exactly; distances are in margins of
    an accuracy.
    """
    arm, metric = claim.evidence.arm, claim.evidence.metric or ""
    kernel, scale = arm.split("/")
    runs = _own(claim, records, arm, metric)
    if runs is None or "folds" not in _config(records, arm):
        return []
    printed = Print.of(claim.model_copy(update={"quantity": "accuracy"}))
    at = {"the pixel scale": scale, "the subset": "the first rows"}
    folds = {"the folds": str(_config(records, arm)["folds"])} if metric == "best_score" else {}
    found = [of_runs(printed, runs, records.study, arm, at | folds, True)]
    for one in records.arms():
        if one == arm or one.split("/")[0] != kernel:
            continue
        values = _own(claim, records, one, metric)
        if values is not None:
            levels = at | folds | {"the pixel scale": one.split("/")[1]}
            found.append(of_runs(printed, values, records.study, one, levels))
    for many in _config(records, arm)["other_folds"] if folds else ():
        values = _own(claim, records, arm, f"{metric}_folds{many}")
        if values is not None:
            levels = at | {"the folds": str(many)}
            found.append(of_runs(printed, values, records.study, arm, levels))
    drawn = f"subset/{arm}"
    values = _own(claim, records, drawn, metric)
    if values is not None:
        chance = claim.evidence.model_copy(update={"deterministic": False})
        random = Print.of(claim.model_copy(update={"quantity": "accuracy", "evidence": chance}))
        levels = at | folds | {"the subset": "drawn at random"}
        found.append(of_runs(random, values, records.study, drawn, levels))
    return found


def _codes(claim: Claim, records: Records, search: Records | None) -> list[Reading]:
    """Report 002 C, Table 5: which images, and how long the autoencoder was trained."""
    arm, metric = claim.evidence.arm, claim.evidence.metric or ""
    other = metric.replace("validation", "test")
    arms = {"as stated": arm}
    if arm.startswith("code/"):
        arms["until it no longer gains"] = arm.replace("code/", "converged/")
    found = []
    printed = Print.of(claim)
    for trained, one in arms.items():
        for name in (metric, other):
            runs = _own(claim, records, one, name)
            if runs is not None:
                levels = {"the images": name.split("_")[0]}
                if len(arms) > 1:
                    levels["the autoencoder's training"] = trained
                judged = (one, name) == (arm, metric)
                found.append(of_runs(printed, runs, records.study, one, levels, judged))
    return found


def _lost_network(claim: Claim, records: Records, search: Records | None) -> list[Reading]:
    """Report 004, exercise 2: other networks for the one whose figure is lost."""
    found = []
    for arm in claim.evidence.arms:
        runs = _own(claim, records, arm, claim.evidence.metric or "")
        if runs is not None:
            levels = {"the network and its training": arm}
            judged = arm == claim.evidence.arm
            found.append(of_runs(Print.of(claim), runs, records.study, arm, levels, judged))
    return found


NUMBERS: Mapping[str, Callable[[Claim, Records, Records | None], list[Reading]]] = {
    "scratch_grid": _scratch,
    "library_mlp": _library,
    "depth": _depth,
    "kernels": _kernels,
    "code_classifier": _codes,
    "classifier_mnist": _lost_network,
    "classifier_cifar10": _lost_network,
    "controls": control_readings,
}


def _of_curve(claim: Claim, records: Records, search: Records, ledger: Ledger) -> list[Reading]:
    """Report 001 part 2: initialiser, pixel scale and rate, in the first epochs of a printed curve.

    The search trained no longer. Distances are those of statistics.md, "curve": without a sign.
    """
    arm, metric = claim.evidence.arm, claim.evidence.metric or ""
    if not recorded(records, [arm]) or "inputs" not in _config(records, arm):
        return []
    searched = [one for one in search.arms() if one.split("/")[0] == arm]
    longest = max((search.curve(one, metric).shape[1] for one in searched), default=0)
    curve = [one for one in curve_of(claim, ledger) if epoch_of(one) <= longest]
    if not curve:
        return []

    def reading(of: Records, name: str, judged: bool) -> Reading:
        config = _config(of, name)
        levels = {
            THE_INITIALISER: str(config["initialiser"]),
            "the pixel scale": str(config["inputs"]),
        }
        # The report states the rate of the two deep networks.
        if THE_RATE in claim.choices:
            levels[THE_RATE] = f"{config['learning_rate']:g}"
        values = claim.scale * of.curve(name, metric)
        last = epoch_of(curve[-1])
        # A run that diverged is shorter.
        values = np.pad(
            values, ((0, 0), (0, max(0, last - values.shape[1]))), constant_values=np.nan
        )
        values = values[:, [epoch_of(one) - 1 for one in curve]]
        return _compared(curve, values, of.study, name, levels, judged)

    found = [reading(records, arm, True)]
    return found + [reading(search, one, False) for one in searched]


def _compared(
    curve: Sequence[Claim],
    values: np.ndarray,
    study: str,
    arm: str,
    levels: Mapping[str, str],
    judged: bool,
) -> Reading:
    """A reading of a curve's claims (t,) with runs (n, t) in the unit of the print."""
    n = len(values)
    if not np.isfinite(values).all():
        return Reading(study, arm, levels, n, None, None, "open", False, judged, True)
    printed = [parse_printed(one.printed) for one in curve]
    margins = [margin_of(one, text) for one, text in zip(curve, printed, strict=True)]
    found = judge_curve(
        values, [float(one.value) for one in printed], margins, [one.decimals for one in printed]
    )
    state = STATES[found.verdict] if n >= FEWEST_SEEDS else "open"
    return Reading(study, arm, levels, n, None, found.mean, state, found.mean <= 1, judged, True)

"""Tests of what report 001 says of its networks trained by squared error (part 2).

"Memorised", "cannot generalise" and "prevents overfitting" become numbers here, fixed before a run.
Networks of one seed share their initial draws and their orders of batches, so that comparisons are
paired; those of accuracies add the chance in the test images (statistics.md, "order").
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome, number
from retrial.judging.rules import judge_number, metric_of, runs_of
from retrial.statistics import (
    FEWEST_SEEDS,
    FEWEST_SEEDS_ORDER,
    Printed,
    decide_table,
    explained,
    judge_order,
    order_test,
    parse_printed,
    t_interval,
)

INTERVAL = 0.90
# Differences in test accuracy of two arms: per seed, and per test image.
Pair = tuple[np.ndarray, np.ndarray]


def setup(claim: Claim, records: Records) -> Outcome:
    """A stated setup: does the study train as stated, for as many epochs as the report's log has?

    `batch` and `epochs` as stated, `log` the number of epochs that are printed.
    """
    stated = {name: int(claim.evidence.threshold(name)) for name in ("batch", "epochs")}
    printed = int(claim.evidence.threshold("log"))
    trials = [trial for arm in claim.evidence.arms for trial in records.of(arm)]
    lost = sum(trial["status"] != "ok" for trial in trials)
    # A profile's budget may cut the epochs of some; the verdict says so then.
    whole = [trial for trial in trials if trial["whole"]]
    as_stated = all(
        trial["config"][name] == value for trial in whole for name, value in stated.items()
    )
    squared = all(trial["config"]["loss"] == "mse" for trial in trials)
    if not (as_stated and squared):
        raise RetrialError(f"evidence.thresholds: the study does not train with {stated} and MSE")
    holds = printed == stated["epochs"] and lost == 0
    return Outcome(
        "reproduced" if holds else "contradicted",
        None,
        n=len(trials),
        reason=f"{len(trials) - lost} of {len(trials)} runs train to the end by mean squared error "
        f"in batches of {stated['batch']} for {stated['epochs']} epochs, as stated; the log has "
        f"{printed} epochs",
    )


def memorised(claim: Claim, records: Records) -> Outcome:
    """Is the training data memorised from epoch `epoch` on?

    A network has memorised its data when it gets at least `accuracy` of it right, averaged over an
    epoch as the report's log does, in that epoch and in every later one. Holds when the 90%
    interval of the lowest such accuracy of a run lies above it, fails when below.
    """
    arm, first = claim.evidence.arm, int(claim.evidence.threshold("epoch"))
    least = float(claim.evidence.threshold("accuracy"))
    accuracy = np.nan_to_num(records.curve(arm, "running_accuracy"))
    n = len(accuracy)
    if accuracy.shape[1] < first or n < FEWEST_SEEDS:
        return Outcome("inconclusive", None, n=n, reason="seeds: too few, or too few epochs")
    lowest = accuracy[:, first - 1 :].min(axis=1)
    passed = [int((row >= least).argmax()) + 1 for row in accuracy if (row >= least).any()]
    when = f"passed first in epoch {min(passed)} to {max(passed)}" if passed else "never passed"
    found = t_interval(lowest, INTERVAL)
    verdict = "inconclusive"
    if found.low >= least:
        verdict = "reproduced"
    elif found.high < least:
        verdict = "contradicted"
    return Outcome(
        verdict,
        found.mean,
        found.low,
        found.high,
        n,
        f"memorised: at least {least:g} right, {when}; the lowest from epoch {first} on is "
        f"{found.mean:.4f} [{found.low:.4f}, {found.high:.4f}] over {n} seeds; in epoch {first} "
        f"it is {accuracy[:, first - 1].mean():.4f}",
    )


def own_code(claim: Claim, records: Records) -> Outcome:
    """What a text says was changed of a network, against the networks in the report's own code.

    `before` and `after` are the widths in the code, as "784-128-10"; `dropout_before` whether that
    network had dropout (0 or 1). The text: hidden widths `raised` ("512>1024 256>512"), hidden
    layers `layers` ("3>5"), dropout removed. No record is looked at.
    """
    before, after = (_hidden(claim, name) for name in ("before", "after"))
    raised = [_change(one) for one in str(claim.evidence.threshold("raised")).split()]
    layers = _change(str(claim.evidence.threshold("layers")))
    wrong = [f"no layer of {old} before" for old, _ in raised if old not in before]
    wrong += [f"no layer of {new} after" for _, new in raised if new not in after]
    if (len(before), len(after)) != layers:
        wrong.append(f"{len(before)} to {len(after)} hidden layers, not {layers[0]} to {layers[1]}")
    if not int(claim.evidence.threshold("dropout_before")):
        wrong.append("no dropout that could have been removed")
    networks = " and ".join(str(claim.evidence.threshold(name)) for name in ("before", "after"))
    return Outcome(
        "contradicted" if wrong else "reproduced",
        None,
        reason=f"the report's own code has {networks}: "
        + ("; ".join(wrong) if wrong else "as its text says")
        + " (nothing was run for this)",
    )


def generalises_less(claim: Claim, records: Records) -> Outcome:
    """Cannot it generalise: is the big network worse on the test images than the small one?

    An order claim, big less small, claimed below zero. Beside it stand their gaps between training
    and test accuracy, and how both do with wrong labels and with fewer images (`others`).
    """
    big, small = claim.evidence.arm, claim.evidence.rival()
    seeds, (per_seed, per_image) = _compared(records, big, small)
    if len(seeds) < FEWEST_SEEDS:
        return _few(len(seeds))
    (found,) = decide_table([judge_order(per_seed, per_image)], [-1])
    one = found.evidence
    gaps = " and ".join(
        f"{arm} {number(float(records.metric(arm, 'gap').mean()), 4)}" for arm in (big, small)
    )
    return Outcome(
        found.verdict,
        one.mean,
        one.low,
        one.high,
        one.n,
        f"test accuracy of {big} less {small}: {one.mean:+.4f} [{one.low:+.4f}, {one.high:+.4f}], "
        f"p = {one.p:.2g} over {one.n} seeds and {one.m} images{_open(found.subreason, one.n)}; "
        f"gap of training and test accuracy: {gaps}{_beside(claim.evidence.others, records)}",
        seeds_needed=found.seeds_needed,
    )


def prevents_overfitting(claim: Claim, records: Records) -> Outcome:
    """Dropout "prevents overfitting": a smaller gap, and no test accuracy lost for it.

    The gap of training and test accuracy must be smaller with dropout (an order claim), and the
    test accuracy not lower by more than `slack`: the 90% interval of dropout less none lies above
    −slack. A network that learns nothing has no gap; it fails by its accuracy, whose interval then
    lies below −slack. Beside it stand the right cells of the dropout grid (`others`), the one with
    the highest test accuracy.
    """
    with_, without = claim.evidence.arm, claim.evidence.rival()
    slack = float(claim.evidence.threshold("slack"))
    seeds, (per_seed, per_image) = _compared(records, with_, without)
    if len(seeds) < FEWEST_SEEDS:
        return _few(len(seeds))
    gaps = {arm: _of_seeds(records, arm, "gap", seeds) for arm in (with_, without)}
    accuracy = judge_order(per_seed, per_image)
    # The training images are the ones that are asked about; chance is in the test images only.
    gap = order_test(gaps[without] - gaps[with_], accuracy.sd_images, accuracy.m)
    (smaller,) = decide_table([gap], [1])
    kept = accuracy.low >= -slack
    worse = accuracy.high < -slack
    verdict = "inconclusive"
    if accuracy.n >= FEWEST_SEEDS_ORDER:
        if smaller.verdict == "contradicted" or worse:
            verdict = "contradicted"
        elif smaller.verdict == "reproduced" and kept:
            verdict = "reproduced"
    cells = [
        (float(records.metric(arm, "test_accuracy").mean()), arm) for arm in claim.evidence.others
    ]
    best = ""
    if cells:
        test, arm = max(cells)
        best = (
            f"; the best of {len(cells)} cells of the grid is {arm}: test accuracy {test:.4f}, gap "
            f"{float(records.metric(arm, 'gap').mean()):+.4f}"
        )
    needed = FEWEST_SEEDS_ORDER if accuracy.n < FEWEST_SEEDS_ORDER else smaller.seeds_needed
    return Outcome(
        verdict,
        accuracy.mean,
        accuracy.low,
        accuracy.high,
        accuracy.n,
        f"gap of {without} less {with_}: {gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}], "
        f"p = {gap.p:.2g}; test accuracy of {with_} less {without}: {accuracy.mean:+.4f} "
        f"[{accuracy.low:+.4f}, {accuracy.high:+.4f}], at most {slack:g} may be lost; over "
        f"{accuracy.n} seeds{_open('seeds' if needed == FEWEST_SEEDS_ORDER else '', accuracy.n)}"
        f"{best}",
        seeds_needed=needed if verdict == "inconclusive" else None,
    )


def dropout_faults(claim: Claim, records: Records) -> Outcome:
    """A printed accuracy of the network with dropout, and which fault gives it where it is not.

    Two faults are tried. `always_on`: the masks stay on at test, the same networks' masked
    accuracy. `unscaled`: nothing makes up for the units that are left out, in training or at test;
    another training, that of the arms in `others`. Only an arm whose config differs in the scaling
    alone can explain the print; what the others give stands beside.
    """
    outcome = judge_number(claim, records)
    arm, metric, printed = claim.evidence.arm, metric_of(claim), parse_printed(claim.printed)
    classes = records.metric(arm, "predicted_classes")
    told = [f"{classes.mean():.1f} of 10 classes are predicted on average"]
    tried = [("always_on", "masks on at test", arm, f"masked_{metric}", True)]
    for other in claim.evidence.others:
        changed = _changed(records, arm, other)
        single = changed == {"scaling"}
        also = "" if single else f" (but other {', '.join(sorted(changed - {'scaling'}))})"
        tried.append(("unscaled", f"{other}, unscaled at test{also}", other, metric, single))
    fault = None
    right = runs_of(claim, records)
    for name, what, where, of, single in tried:
        runs = claim.scale * records.metric(where, of)
        gives = single and _gives(printed, right, runs)
        fault = fault or (name if gives else None)
        mean = number(float(runs.mean()), printed.decimals) if len(runs) else "nothing"
        told.append(f"{what} gives {mean}{', which explains the print' if gives else ''}")
    faults = len({name for name, *_ in tried})
    reason = f"{outcome.reason}; {'; '.join(told)} ({faults} faults tried)"
    if outcome.verdict == "contradicted" and fault is not None:
        return replace(outcome, verdict="explained", fault=fault, reason=reason)
    return replace(outcome, reason=reason)


def _gives(printed: Printed, right: np.ndarray, faulty: np.ndarray) -> bool:
    """Whether the printed number is a plausible run with the fault, and none without it."""
    if min(len(right), len(faulty)) < FEWEST_SEEDS or np.isnan([*right, *faulty]).any():
        return False
    return explained(printed.value, right, faulty, printed.decimals).explained


def _changed(records: Records, arm: str, other: str) -> set[str]:
    """The keys of config in which two arms differ."""
    one, two = (records.of(name)[0]["config"] for name in (arm, other))
    return {key for key in one.keys() | two.keys() if one.get(key) != two.get(key)}


def _compared(records: Records, first: str, second: str) -> tuple[list[int], Pair]:
    """The shared seeds, and test accuracy of `first` less `second` per seed and per image."""
    others = {trial["seed"] for trial in records.of(second)}
    seeds = [trial["seed"] for trial in records.of(first) if trial["seed"] in others]
    if not seeds:
        return [], (np.empty(0), np.empty(0))
    differences = np.array(
        [
            records.array(first, seed, "correct").astype(float)
            - records.array(second, seed, "correct").astype(float)
            for seed in seeds
        ]
    )
    return seeds, (differences.mean(axis=1), differences.mean(axis=0))


def _of_seeds(records: Records, arm: str, metric: str, seeds: Sequence[int]) -> np.ndarray:
    """(seeds,) values of a metric for some seeds of an arm, in their order."""
    values = zip(records.of(arm), records.metric(arm, metric), strict=True)
    found = {trial["seed"]: float(value) for trial, value in values}
    return np.array([found[seed] for seed in seeds])


def _hidden(claim: Claim, name: str) -> list[int]:
    return [int(width) for width in str(claim.evidence.threshold(name)).split("-")][1:-1]


def _change(text: str) -> tuple[int, int]:
    old, new = text.split(">")
    return int(old), int(new)


def _few(n: int) -> Outcome:
    return Outcome("inconclusive", None, n=n, reason=f"seeds: {n} shared, at least {FEWEST_SEEDS}")


def _open(subreason: str, n: int) -> str:
    """What an order claim lacks."""
    if subreason == "seeds":
        return f" (seeds: {n}, at least {FEWEST_SEEDS_ORDER} are needed)"
    return f" ({subreason})" if subreason else ""


def _beside(arms: Sequence[str], records: Records) -> str:
    """Test accuracies and gaps of further arms, in words."""
    if not arms:
        return ""
    told = ", ".join(
        f"{arm} {float(records.metric(arm, 'test_accuracy').mean()):.4f} "
        f"({float(records.metric(arm, 'gap').mean()):+.4f})"
        for arm in arms
    )
    return f"; test accuracy (gap) beside: {told}"

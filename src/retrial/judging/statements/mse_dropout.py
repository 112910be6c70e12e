"""Tests of what report 001 says of dropout (part 2): that it prevents overfitting, and its print.

The rules are fixed before a run. Comparisons are paired, as in `mse_mlp`.
"""

from dataclasses import replace

import numpy as np

from retrial.core.records import Records
from retrial.judging.dropout_faults import DROPOUT_FAULTS
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome, number
from retrial.judging.rules import judge_number, metric_of, runs_of
from retrial.judging.statements.compared import (
    accuracy_after,
    compared,
    lost,
    lost_text,
    not_comparable,
    of_seeds,
    told,
)
from retrial.statistics import (
    FEWEST_SEEDS,
    FEWEST_SEEDS_ORDER,
    Explanation,
    Interval,
    OrderEvidence,
    OrderJudgement,
    decide_table,
    default_margin,
    explained,
    judge_order,
    order_test,
    parse_printed,
)
from retrial.statistics.order import seeds_beyond

GAP = {"reproduced": "smaller", "contradicted": "not smaller", "inconclusive": "open"}


def prevents_overfitting(claim: Claim, records: Records) -> Outcome:
    """Dropout "prevents overfitting": a smaller gap, and no test accuracy lost for it.

    The gap of training and test accuracy must be smaller with dropout (an order claim), and the
    test accuracy not lower by more than `slack`: the 90% interval of dropout less none lies above
    −slack. A network that learns nothing has no gap; it fails by its accuracy, whose interval then
    lies below −slack. Beside it stand the other network after as many epochs, and the maximum over
    the right cells of the dropout grid (`others`).
    """
    with_, without = claim.evidence.arm, claim.evidence.rival()
    slack = float(claim.evidence.threshold("slack"))
    seeds, (per_seed, per_image) = compared(records, with_, without)
    failed = not_comparable(records, (with_, without), seeds)
    if failed is not None:
        return failed
    gaps = {arm: of_seeds(records, arm, "gap", seeds) for arm in (with_, without)}
    accuracy = judge_order(per_seed, per_image)
    # The training images are the ones that are asked about; chance is in the test images only.
    gap = order_test(gaps[without] - gaps[with_], accuracy.sd_images, accuracy.m)
    (smaller,) = decide_table([gap], [1])
    kept = "open"
    if accuracy.n >= FEWEST_SEEDS_ORDER:
        kept = "kept" if accuracy.low >= -slack else "lost" if accuracy.high < -slack else "open"
    verdict = "inconclusive"
    if smaller.verdict == "contradicted" or kept == "lost":
        verdict = "contradicted"
    elif smaller.verdict == "reproduced" and kept == "kept":
        verdict = "reproduced"
    needed, lacking = None, ""
    if verdict == "inconclusive":
        needed, lacking = _lacking(smaller, accuracy, -slack, kept == "open")
    return Outcome(
        verdict,
        accuracy.mean,
        accuracy.low,
        accuracy.high,
        accuracy.n,
        f"the gap is {GAP[smaller.verdict]}; accuracy is {kept}: gap of {without} less {with_}: "
        f"{told(gap)}; test accuracy of {with_} less {without}: {told(accuracy)}, at most "
        f"{slack:g} may be lost; over {accuracy.n} seeds{lacking}"
        f"{_as_long(records, with_, without)}{_grid(claim.evidence.others, records)}",
        seeds_needed=needed,
    )


def _lacking(
    gap: OrderJudgement, accuracy: OrderEvidence, least: float, open_: bool
) -> tuple[int | None, str]:
    """Seeds that would decide both halves (None: none would), and what is lacking, in words.

    "images": on these test images no number of seeds decides it.
    """
    if accuracy.n < FEWEST_SEEDS_ORDER:
        n = FEWEST_SEEDS_ORDER
        return n, f" (seeds: {accuracy.n}, at least {n} are needed)"
    halves = []
    if gap.verdict == "inconclusive":
        halves.append(("gap", gap.seeds_needed))
    if open_:
        halves.append(("accuracy", seeds_beyond(accuracy, least)))
    words = "; ".join(f"{'precision' if n else 'images'}: {half}" for half, n in halves)
    counts = [n for _, n in halves if n is not None]
    return (max(counts) if len(counts) == len(halves) else None), f" ({words})"


def _as_long(records: Records, with_: str, without: str) -> str:
    """The test accuracy without dropout after as many epochs as with it, in words."""
    epochs = int(records.of(with_)[0]["config"]["epochs"])
    text = accuracy_after(records, without, epochs)
    return f"; test accuracy of {without}: {text}" if text else ""


def _grid(arms: tuple[str, ...], records: Records) -> str:
    """The highest test accuracy of some cells of the grid, called the maximum that it is."""
    if not arms:
        return ""
    test, arm = max((float(records.metric(arm, "test_accuracy").mean()), arm) for arm in arms)
    epochs = sorted({int(records.of(one)[0]["config"]["epochs"]) for one in arms})
    text = lost_text(records, arm)
    return (
        f"; the maximum over {len(arms)} cells of the grid, of {' or '.join(map(str, epochs))} "
        f"epochs each, is test accuracy {test:.4f} of {arm}, with a gap of "
        f"{float(records.metric(arm, 'gap').mean()):+.4f}{f' ({text})' if text else ''}"
    )


def dropout_faults(claim: Claim, records: Records) -> Outcome:
    """A printed accuracy of the network with dropout, and which fault gives it where it is not.

    Two faults are tried. `always_on`: the masks stay on at test, the same networks' masked
    accuracy. `unscaled`: nothing makes up for the units that are left out, in training or at test;
    another training, that of the arms in `others`. Only an arm whose config differs in the scaling
    alone can explain the print; what the others give stands beside. Where several faults give the
    print, all are named, and the fault is the one whose mean is nearest to it.

    Beside each stands how far its arm's training is from the printed log: a fault of the test
    leaves the training as it is, one of the training should mend its log as well.
    """
    outcome = judge_number(claim, records)
    arm, metric, printed = claim.evidence.arm, metric_of(claim), parse_printed(claim.printed)
    contradicted = outcome.verdict == "contradicted"
    classes = records.metric(arm, "predicted_classes")
    lines = [f"{classes.mean():.1f} of 10 classes are predicted on average"]
    tried = []
    for fault in DROPOUT_FAULTS.values():
        if fault.masked:
            tried.append((fault.name, "masks on at test", arm, f"masked_{metric}", True))
            continue
        for other in claim.evidence.others:
            changed = _changed(records, arm, other)
            single = changed == {"scaling"}
            also = "" if single else f" (but other {', '.join(sorted(changed - {'scaling'}))})"
            what = f"{other}, {fault.scaling} at test{also}"
            tried.append((fault.name, what, other, metric, single))
    giving: list[tuple[float, str]] = []
    for name, what, where, of, single in tried:
        runs = claim.scale * records.metric(where, of)
        told_mean = number(float(runs.mean()), printed.decimals)
        line = f"{what} gives {told_mean}"
        found = _tried(claim, records, where, runs)
        if found is not None:
            line += f", a further run in {_range(found.faulty, printed.decimals)}, without the "
            line += f"fault in {_range(found.right, printed.decimals)}"
            if single and contradicted and found.explained:
                giving.append((abs(float(runs.mean()) - float(printed.value)), name))
                line += ", which explains the print"
            elif single and found.by_fault:
                line += ", in whose range the print lies as well"
        elif text := lost_text(records, where):
            line += f" ({text})"
        own = " (the right network's own)" if where == arm else ""
        off = _off_the_log(claim, records, where)
        lines.append(line + (f"; its training{own} is {off}" if off else ""))
    explaining = list(dict.fromkeys(name for _, name in giving))
    nearest = min(giving)[1] if giving else None
    several = ""
    if len(explaining) > 1:
        several = (
            f"; {' and '.join(explaining)} give the print, {nearest} has the mean nearest to it"
        )
    reason = f"{outcome.reason}; {'; '.join(lines)} ({len(DROPOUT_FAULTS)} faults tried{several})"
    if nearest is not None:
        return replace(outcome, verdict="explained", fault=nearest, reason=reason)
    return replace(outcome, reason=reason)


def _tried(claim: Claim, records: Records, arm: str, faulty: np.ndarray) -> Explanation | None:
    """The ranges with the fault and without it; None where runs are too few, or some diverged."""
    printed, right = parse_printed(claim.printed), runs_of(claim, records)
    few = min(len(right), len(faulty)) < FEWEST_SEEDS
    if few or np.isnan([*right, *faulty]).any():
        return None
    # The accuracy of a diverged network is a number, and says nothing of the fault.
    if lost(records, claim.evidence.arm) or lost(records, arm):
        return None
    return explained(printed.value, right, faulty, printed.decimals)


def _range(interval: Interval, decimals: int) -> str:
    return f"[{number(interval.low, decimals)}, {number(interval.high, decimals)}]"


def _off_the_log(claim: Claim, records: Records, arm: str) -> str:
    """How far the training accuracy of an arm's runs is from the printed log, in words.

    The log stands in the claim from the first epoch on that no choice was made with; margins are
    those of its verdict, as a curve of accuracies. Empty for runs that are shorter than it.
    """
    first = int(claim.evidence.threshold("log_from"))
    log = [parse_printed(one) for one in str(claim.evidence.threshold("log")).split()]
    runs = records.curve(arm, "running_accuracy")[:, first - 1 : first - 1 + len(log)]
    if runs.shape[1] < len(log) or np.isnan(runs).any() or lost(records, arm):
        return ""
    values = np.array([float(one.value) for one in log])
    margins = [default_margin("accuracy", float(one.value), float(one.half_unit)) for one in log]
    r = float((np.abs(runs - values) / margins).mean())
    return f"{r:.2f} margins off the printed log in epochs {first}–{first + len(log) - 1}"


def _changed(records: Records, arm: str, other: str) -> set[str]:
    """The keys of config in which two arms differ."""
    one, two = (records.of(name)[0]["config"] for name in (arm, other))
    return {key for key in one.keys() | two.keys() if one.get(key) != two.get(key)}

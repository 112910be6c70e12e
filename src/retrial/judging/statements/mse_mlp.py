"""Tests of what report 001 says of its networks trained by squared error (part 2).

"Memorised" and "cannot generalise" become numbers here, fixed before a run; dropout's are in
`mse_dropout`. Networks of one seed share their initial draws and their orders of batches, so that
comparisons are paired; those of accuracies add the chance in the test images (statistics.md,
"order"). A single sentence forms no table for Holm, and the halves of one must both hold.
"""

from collections.abc import Sequence

import numpy as np

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome
from retrial.judging.statements.compared import (
    HALF,
    accuracy_after,
    compared,
    lacks,
    lost,
    lost_text,
    not_comparable,
    of_seeds,
    seeds_to_decide,
    told,
)
from retrial.statistics import (
    FEWEST_SEEDS,
    OrderJudgement,
    decide_table,
    judge_order,
    order_test,
    seeds_for_half_width,
    t_interval,
)

INTERVAL = 0.90


def setup(claim: Claim, records: Records) -> Outcome:
    """A stated setup: does the study train as stated, for as many epochs as the report's log has?

    `batch` and `epochs` as stated, `log` the number of epochs that are printed.
    """
    stated = {name: int(claim.evidence.threshold(name)) for name in ("batch", "epochs")}
    printed = int(claim.evidence.threshold("log"))
    by_arm = [records.of(arm) for arm in claim.evidence.arms]
    trials = [trial for some in by_arm for trial in some]
    lost_runs = [sum(trial["status"] != "ok" for trial in some) for some in by_arm]
    # A profile's budget may cut the epochs of some; the verdict says so then.
    whole = [trial for trial in trials if trial["whole"]]
    as_stated = all(
        trial["config"][name] == value for trial in whole for name, value in stated.items()
    )
    squared = all(trial["config"]["loss"] == "mse" for trial in trials)
    if not (as_stated and squared):
        raise RetrialError(f"evidence.thresholds: the study does not train with {stated} and MSE")
    verdict = "reproduced"
    # A network of which no run can be trained so is one that the statement is wrong of.
    none = any(count == len(some) for count, some in zip(lost_runs, by_arm, strict=True))
    if printed != stated["epochs"] or none:
        verdict = "contradicted"
    elif sum(lost_runs):
        verdict = "inconclusive"
    return Outcome(
        verdict,
        None,
        n=len(trials),
        reason=f"{len(trials) - sum(lost_runs)} of {len(trials)} runs train to the end by mean "
        f"squared error in batches of {stated['batch']} for {stated['epochs']} epochs, as stated; "
        f"the log has {printed} epochs; nothing of the report is tested by this but the length of "
        "its logs",
    )


def memorised(claim: Claim, records: Records) -> Outcome:
    """Is the training data memorised from epoch `epoch` on?

    A network has memorised its data when it gets at least `accuracy` of it right, averaged over an
    epoch as the report's log does, in that epoch and in every later one. Holds when the 90%
    interval of the lowest such accuracy of a run lies above it, fails when below. What is measured
    beside the print is the accuracy in that epoch.
    """
    arm, first = claim.evidence.arm, int(claim.evidence.threshold("epoch"))
    least = float(claim.evidence.threshold("accuracy"))
    accuracy = records.curve(arm, "running_accuracy")
    n = len(accuracy)
    if lost(records, arm):
        verdict = "contradicted" if lost(records, arm) == n else "inconclusive"
        return Outcome(verdict, None, n=n, reason=lost_text(records, arm))
    if accuracy.shape[1] < first or n < FEWEST_SEEDS:
        return Outcome("inconclusive", None, n=n, reason="seeds: too few, or too few epochs")
    lowest = accuracy[:, first - 1 :].min(axis=1)
    passed = [int((row >= least).argmax()) + 1 for row in accuracy if (row >= least).any()]
    when = f"passed first in epoch {min(passed)} to {max(passed)}" if passed else "never passed"
    found, then = t_interval(lowest, INTERVAL), t_interval(accuracy[:, first - 1], INTERVAL)
    verdict, needed, open_ = "inconclusive", None, ""
    if found.low >= least:
        verdict = "reproduced"
    elif found.high < least:
        verdict = "contradicted"
    else:
        needed = seeds_for_half_width(float(lowest.std(ddof=1)), abs(found.mean - least))
        open_ = f" (precision: {needed or 'no number of'} seeds would decide)"
    prints = "passes" if float(claim.printed) >= least else "does not pass"
    return Outcome(
        verdict,
        then.mean,
        then.low,
        then.high,
        n,
        f"memorised: at least {least:g} right, {when}; in epoch {first} it is {then.mean:.4f} "
        f"[{then.low:.4f}, {then.high:.4f}], the lowest from there on {found.mean:.4f} "
        f"[{found.low:.4f}, {found.high:.4f}] over {n} seeds{open_}; the print itself, "
        f"{claim.printed}, {prints} this threshold, and from which epoch on it does is not judged",
        seeds_needed=needed,
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
    """Overfits: has the big network the larger gap, and is it worse on the test images?

    Two halves, big less small: the gap between training and test accuracy, claimed above zero, and
    the test accuracy, claimed below. Both hold: reproduced. The second fails: contradicted, since
    that is what is said of new data, whatever the gap. Anything else is open. Beside it stand the
    big network's accuracy in epoch `epoch`, at its best and at its end, and how both networks do
    with wrong labels and with fewer images (`others`).
    """
    big, small = claim.evidence.arm, claim.evidence.rival()
    seeds, (per_seed, per_image) = compared(records, big, small)
    failed = not_comparable(records, (big, small), seeds)
    if failed is not None:
        return failed
    (worse,) = decide_table([judge_order(per_seed, per_image)], [-1])
    one = worse.evidence
    gaps = [of_seeds(records, arm, "gap", seeds) for arm in (big, small)]
    # The training images are the ones that are asked about; chance is in the test images only.
    (wider,) = decide_table([order_test(gaps[0] - gaps[1], one.sd_images, one.m)], [1])
    verdict = "inconclusive"
    if worse.verdict == "contradicted":
        verdict = "contradicted"
    elif worse.verdict == wider.verdict == "reproduced":
        verdict = "reproduced"
    return Outcome(
        verdict,
        one.mean,
        one.low,
        one.high,
        one.n,
        f"that its gap is larger {HALF[wider.verdict]}, that it is worse on new data "
        f"{HALF[worse.verdict]}{_although(wider, worse)}; gap of {big} less {small}: "
        f"{told(wider.evidence)}{lacks(wider)}; test accuracy of {big} less {small}: {told(one)} "
        f"over {one.n} seeds and {one.m} images{lacks(worse)}"
        f"{_on_the_way(records, big, int(claim.evidence.threshold('epoch')))}"
        f"{_beside(claim.evidence.others, records)}",
        seeds_needed=seeds_to_decide((wider, worse)) if verdict == "inconclusive" else None,
    )


def _although(wider: OrderJudgement, worse: OrderJudgement) -> str:
    """What "overfits" still means of a network that has the larger gap and is not worse."""
    if (wider.verdict, worse.verdict) != ("reproduced", "contradicted"):
        return ""
    does = "no different in a way that matters" if worse.subreason else "better"
    return f"; it overfits in the sense of a larger gap, yet does {does} on new data"


def _hidden(claim: Claim, name: str) -> list[int]:
    return [int(width) for width in str(claim.evidence.threshold(name)).split("-")][1:-1]


def _change(text: str) -> tuple[int, int]:
    old, new = text.split(">")
    return int(old), int(new)


def _on_the_way(records: Records, arm: str, early: int) -> str:
    """Test accuracies of an arm in an early epoch, in its best one and in its last one, in words.

    The best is a maximum over the very images, so it flatters.
    """
    curve = records.curve(arm, "test_accuracy")
    if curve.shape[1] < early or np.isnan(curve).any():
        return ""
    best = int(curve.mean(axis=0).argmax()) + 1
    places = ((early, ""), (best, ", the highest of all epochs"), (curve.shape[1], ", the last"))
    points = ", ".join(f"{accuracy_after(records, arm, at)}{what}" for at, what in places)
    return f"; test accuracy of {arm}: {points}"


def _beside(arms: Sequence[str], records: Records) -> str:
    """Test accuracies of further arms, in words, with what each can tell beside it.

    With wrong labels that is how it does against the labels given and against the right ones: a
    gap mixes the two. Otherwise it is the gap.
    """
    if not arms:
        return ""

    def mean(arm: str, metric: str, form: str = ".4f") -> str:
        return format(float(records.metric(arm, metric).mean()), form)

    lines = []
    for arm in arms:
        also = f"gap {mean(arm, 'gap', '+.4f')}"
        if arm.startswith("noise/"):
            also = (
                f"training {mean(arm, 'train_accuracy')} against the labels given, "
                f"{mean(arm, 'clean_train_accuracy')} against the right ones"
            )
        lines.append(f"{arm} {mean(arm, 'test_accuracy')} ({also}{_lost_too(records, arm)})")
    return f"; test accuracy beside: {', '.join(lines)}"


def _lost_too(records: Records, arm: str) -> str:
    text = lost_text(records, arm)
    return f"; {text}" if text else ""

"""Tests of what report 004 says of gradients by layer (1 C), and of two activations (1 D).

The rules are fixed before a run. Gradients are those of one batch, the same for all seeds, so that
intervals hold the chance in the seeds and not in the batch. "Zero" on a plot with a linear axis is
less than 1% of its top, the width of a line. A sentence that names several depths or activations
must hold for all of them; that one of k cells fails is asked at a level that the k share. Networks
that diverged leave their cell open.

Initialiser and optimiser decide much of what gradients do, and the search saw none: a contradiction
stands only where every recorded reading of them contradicts as well.
"""

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome
from retrial.judging.statements.compared import (
    SAID,
    all_hold,
    lost,
    lost_text,
    of_seeds,
    shared_seeds,
)
from retrial.statistics import FEWEST_SEEDS, default_margin, judge_curve, t_interval

INTERVAL = 0.90
# What is left of equal numbers after rounding.
TINY = 1e-9
# A mean that is posed as a printed number shows six decimals.
DECIMALS = 6
HALF_UNIT = 0.5 * 10.0**-DECIMALS
# Where arrays of gradients hold those of weights.
WEIGHTS = 0
# The verdict on one part, and what was found in words.
Part = tuple[str, str]
Test = Callable[[Claim, Records], Outcome]
CURVES: dict[str, Literal["accuracy", "loss"]] = {
    "running_loss": "loss",
    "test_loss": "loss",
    "running_accuracy": "accuracy",
    "test_accuracy": "accuracy",
}


def within(
    values: Sequence[float] | np.ndarray, low: float, high: float, cells: int = 1
) -> tuple[str, str]:
    """Whether the mean of (seeds,) values lies in [low, high], by its interval; and in words.

    The 90% interval inside: reproduced. The interval at 1 − .1/cells disjoint: contradicted, where
    the sentence has that many cells of which each could fail. Else open, as with a value that is
    not a number.
    """
    array = np.asarray(values, dtype=float)
    if len(array) < FEWEST_SEEDS:
        return "inconclusive", f"seeds: {len(array)}, at least {FEWEST_SEEDS} are needed"
    if not np.isfinite(array).all():
        gone = int((~np.isfinite(array)).sum())
        return "inconclusive", f"of {gone} of {len(array)} seeds it is no number"
    found, wider = t_interval(array, INTERVAL), t_interval(array, 1 - (1 - INTERVAL) / cells)
    mean, *ends = (f"{x if abs(x) > TINY else 0:.3g}" for x in found)
    text = f"{mean} [{', '.join(ends)}]"
    if low <= found.low and found.high <= high:
        return "reproduced", text
    return ("contradicted" if wider.high < low or wider.low > high else "inconclusive"), text


def outcome(parts: Iterable[Part], n: int) -> Outcome:
    """The outcome of a sentence all parts of which must hold."""
    found = list(parts)
    told = "; ".join(f"{text}: {SAID[verdict]}" for verdict, text in found)
    return Outcome(all_hold(verdict for verdict, _ in found), None, n=n, reason=told)


def differing(parts: Iterable[Part], n: int, what: str) -> Outcome:
    """The outcome of a sentence that leaves open which of its parts it is about.

    One verdict of all of them is its verdict; where they differ, it is open.
    """
    found = list(parts)
    verdicts = {verdict for verdict, _ in found}
    told = "; ".join(text for _, text in found)
    if len(verdicts) == 1:
        return Outcome(verdicts.pop(), None, n=n, reason=told)
    return Outcome("inconclusive", None, n=n, reason=f"reading: {what} is not stated; {told}")


def under_readings(judge: Test) -> Test:
    """Let a contradiction stand only where the other recorded readings contradict too.

    `evidence.thresholds.readings` names them, by what their arms begin with in place of the first
    two parts of `evidence.arm`'s name.
    """

    @functools.wraps(judge)
    def judged(claim: Claim, records: Records) -> Outcome:
        found = judge(claim, records)
        if found.verdict != "contradicted":
            return found
        told = []
        for reading in str(claim.evidence.threshold("readings")).split():
            other = read_as(claim, reading)
            name = reading.split("/")[1]
            if any(arm in records.skipped for arm in other.evidence.arms):
                reason = f"reading: {found.reason}; {name} is not run in this profile"
                return replace(found, verdict="inconclusive", reason=reason)
            outcome_ = judge(other, records)
            told.append(name)
            if outcome_.verdict != "contradicted":
                reason = (
                    f"reading: {found.reason}; but with {name} it is {outcome_.verdict}: "
                    f"{outcome_.reason}"
                )
                return replace(found, verdict="inconclusive", reason=reason)
        return replace(found, reason=f"{found.reason}; and so with {', '.join(told)}")

    return judged


def read_as(claim: Claim, reading: str) -> Claim:
    """The claim on the arms of another reading, such as gradients/adam for gradients/sgd."""
    own = "/".join(claim.evidence.arm.split("/")[:2])

    def moved(arm: str) -> str:
        return arm.replace(own, reading, 1)

    evidence, against = claim.evidence, claim.evidence.against
    changes = {
        "arm": moved(evidence.arm),
        "against": None if against is None else moved(against),
        "others": tuple(moved(arm) for arm in evidence.others),
    }
    return claim.model_copy(update={"evidence": evidence.model_copy(update=changes)})


def _depth(arm: str) -> str:
    return arm.rsplit("/", 1)[1]


def _activation(arm: str) -> str:
    return arm.split("/")[-2]


def _layers(records: Records, arm: str) -> int:
    return records.sample_size(arm, "trained_weights_steps")


@under_readings
def vanishes_within(claim: Claim, records: Records) -> Outcome:
    """Does the sigmoid's largest gradient reach zero in around `steps` layers, and only its own?

    In the sigmoid's arms the mean number of layers, going back from the output, after which a
    layer's largest gradient is below 1% of the largest and stays there must be `steps` ± `margin`;
    in all others it must be more (a network that never gets there counts all its layers).
    """
    steps, margin = (float(claim.evidence.threshold(name)) for name in ("steps", "margin"))
    arms, parts = claim.evidence.arms, []
    for arm in arms:
        sigmoid = _activation(arm) == "sigmoid"
        low, high = (steps - margin, steps + margin) if sigmoid else (steps + margin + 1, np.inf)
        verdict, told = within(records.metric(arm, "trained_weights_steps"), low, high, len(arms))
        layers = f"{told} of {_layers(records, arm)} layers"
        parts.append(_unless_lost(records, arm, verdict, layers))
    return outcome(parts, len(records.of(arms[0])))


def _unless_lost(records: Records, arm: str, verdict: str, told: str) -> Part:
    """A part about an arm, open where runs of it diverged."""
    name = f"{_activation(arm)}, {_depth(arm)}"
    if text := lost_text(records, arm):
        return "inconclusive", f"{name}: {text}"
    return verdict, f"{name}: {told}"


@under_readings
def small_not_vanishing(claim: Claim, records: Records) -> Outcome:
    """Are a network's gradients small in places, yet by no means as small as its rival's?

    Small: the smallest layer's largest gradient is below 1% of the largest layer's, as the plot
    shows it at zero. By no means as small: the smallest layer's is at least `decades` powers of
    ten above that of `evidence.against`. Networks that pass no gradient at all, or diverged, leave
    it open.
    """
    arm, rival = claim.evidence.arm, claim.evidence.rival()
    decades = float(claim.evidence.threshold("decades"))
    seeds = shared_seeds(records, (arm, rival))
    smallest, gone = {}, []
    for one in (arm, rival):
        peaks = [records.array(one, seed, "trained")[WEIGHTS, :, -1] for seed in seeds]
        smallest[one] = np.array([peak.min() for peak in peaks])
        count = int((~(smallest[one] > 0)).sum())
        if count or lost(records, one):
            gone.append(f"{count} of {len(seeds)} {_activation(one)} networks pass no gradient")
    if gone:
        return Outcome("inconclusive", None, n=len(seeds), reason="; ".join(gone))
    least = of_seeds(records, arm, "trained_weights_least", seeds)
    zero, of_zero = within(least, -np.inf, -2.0, 2)
    ratio = np.log10(smallest[arm]) - np.log10(smallest[rival])
    above, of_above = within(ratio, decades, np.inf, 2)
    parts = [
        (zero, f"log₁₀ of the smallest layer's over the largest layer's {of_zero}, below −2"),
        (above, f"log₁₀ of it over the {_activation(rival)}'s {of_above}, above {decades:g}"),
    ]
    return outcome(parts, len(seeds))


@under_readings
def steady(claim: Claim, records: Records) -> Outcome:
    """On a log axis, do the others' gradients stay steady where the sigmoid's fall exponentially?

    For each depth: the sigmoid's must fall at least by half a layer (−0.301 decades) along a
    straight line (R² at least `fit`); along the line through each other's, what the gradient
    changes by over all layers must be at most `share` of what the sigmoid's does, in either
    direction and in the same seeds, or at most `decades`.
    """
    share, fit, decades = (
        float(claim.evidence.threshold(name)) for name in ("share", "fit", "decades")
    )
    arms = claim.evidence.arms
    of_sigmoid = {_depth(arm): arm for arm in arms if _activation(arm) == "sigmoid"}
    cells = len(arms) + len(of_sigmoid)
    parts = []
    for arm in arms:
        sigmoid, steps = of_sigmoid[_depth(arm)], _layers(records, arm) - 1
        slopes = records.metric(arm, "trained_weights_decay")
        if arm == sigmoid:
            verdict, told = within(slopes, -np.inf, -np.log10(2), cells)
            parts.append(_unless_lost(records, arm, verdict, f"{told} decades a layer"))
            verdict, told = within(records.metric(arm, "trained_weights_fit"), fit, np.inf, cells)
            parts.append(_unless_lost(records, arm, verdict, f"R² {told}"))
            continue
        seeds = shared_seeds(records, (arm, sigmoid))
        own = steps * np.abs(of_seeds(records, arm, "trained_weights_decay", seeds))
        its = steps * np.abs(of_seeds(records, sigmoid, "trained_weights_decay", seeds))
        verdict, _ = within(own - np.maximum(share * its, decades), -np.inf, 0.0, cells)
        _, told = within(slopes, -np.inf, np.inf)
        parts.append(_unless_lost(records, arm, verdict, f"{told} decades a layer"))
    return outcome(parts, len(records.of(arms[0])))


@under_readings
def biases_alike(claim: Claim, records: Records) -> Outcome:
    """Do the gradients of biases behave over layers as those of weights do?

    In every arm what the two lines change by over all layers must differ by at most `decades`, or
    by `share` of the weights' where that is more.
    """
    decades, share = (float(claim.evidence.threshold(name)) for name in ("decades", "share"))
    arms, parts = claim.evidence.arms, []
    for arm in arms:
        steps = _layers(records, arm) - 1
        weights, biases = (
            steps * records.metric(arm, f"trained_{part}_decay") for part in ("weights", "biases")
        )
        most = max(decades, share * abs(float(weights.mean())))
        verdict, told = within(biases - weights, -most, most, len(arms))
        parts.append(
            _unless_lost(records, arm, verdict, f"{told} decades in all, within ±{most:.3g}")
        )
    return outcome(parts, len(records.of(arms[0])))


def similar_curves(claim: Claim, records: Records) -> Outcome:
    """Are the learning curves of two activations rather similar?

    The mean curve of `evidence.arm` is posed as if it had been printed, and the runs of the same
    depth with the other activation (`against`, `others` in pairs after it) are judged by it as by
    any printed curve (statistics.md, "curve"): training and test, loss and accuracy. A margin is
    the default, or `share` of the range of the posed curve where that is more: less than that no
    eye tells apart on its plot. All four must be similar. The depth is not stated: where depths
    differ, it is open.
    """
    share = float(claim.evidence.threshold("share"))
    arms = claim.evidence.arms
    parts = []
    for first, second in zip(arms[::2], arms[1::2], strict=True):
        verdicts, lines = [], []
        if lost(records, first) or lost(records, second):
            parts.append(("inconclusive", f"{_depth(first)} layers: some runs diverged"))
            continue
        for name, quantity in CURVES.items():
            posed = records.curve(first, name).mean(axis=0)
            least = share * float(np.ptp(posed))
            margins = [max(least, default_margin(quantity, float(p), HALF_UNIT)) for p in posed]
            found = judge_curve(records.curve(second, name), posed, margins, DECIMALS)
            verdicts.append(found.verdict)
            lines.append(f"{name.replace('_', ' ')} {found.mean:.2f} margins off")
        verdict = all_hold(verdicts)
        parts.append((verdict, f"{_depth(first)} layers: {', '.join(lines)}"))
    return differing(parts, len(records.of(arms[1])), "the depth")


@under_readings
def smaller_gradients(claim: Claim, records: Records) -> Outcome:
    """Are an activation's largest gradients consistently smaller, and more stable, untrained?

    Pairs of arms as in `similar_curves`, of which the first is claimed to be the smaller one.
    Consistently: in at least `share` of the layers, by the 90% interval over seeds. More stable:
    the standard deviation over layers of log₁₀ of the largest gradient is smaller, paired by
    seeds. Both must hold. The depth is not stated: where depths differ, it is open.
    """
    share = float(claim.evidence.threshold("share"))
    arms = claim.evidence.arms
    parts = []
    for first, second in zip(arms[::2], arms[1::2], strict=True):
        seeds = shared_seeds(records, (first, second))
        logs = [
            np.log10([records.array(arm, seed, "untrained")[WEIGHTS, :, -1] for seed in seeds])
            for arm in (first, second)
        ]
        smaller, of_smaller = within((logs[0] < logs[1]).mean(axis=1), share, np.inf)
        spread = [one.std(axis=1, ddof=1) for one in logs]
        stabler, of_stabler = within(spread[1] - spread[0], 0.0, np.inf)
        verdict = all_hold((smaller, stabler))
        parts.append(
            (
                verdict,
                f"{_depth(first)} layers: smaller in a share of {of_smaller} of layers, spread "
                f"over layers larger by {of_stabler} decades with the other",
            )
        )
    return differing(parts, len(records.of(arms[1])), "the depth")

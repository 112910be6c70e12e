"""Tests of what report 004 says of gradients by layer (1 C), and of two activations (1 D).

The rules are fixed before a run. Gradients are those of one batch, of which each seed has a value;
there is no chance in the images. "Zero" on a plot with a linear axis is less than 1% of its top,
the width of a line. A sentence that names several depths or activations must hold for all of them.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome
from retrial.judging.statements.compared import all_hold, lost, of_seeds, shared_seeds
from retrial.statistics import FEWEST_SEEDS, default_margin, judge_curve, t_interval

INTERVAL = 0.90
# What is left of equal numbers after rounding.
TINY = 1e-9
# A mean that is posed as a printed number shows six decimals.
DECIMALS = 6
HALF_UNIT = 0.5 * 10.0**-DECIMALS
WEIGHTS, BIASES = 0, 1
# The verdict on one part, and what was found in words.
Part = tuple[str, str]
CURVES: dict[str, Literal["accuracy", "loss"]] = {
    "running_loss": "loss",
    "test_loss": "loss",
    "running_accuracy": "accuracy",
    "test_accuracy": "accuracy",
}


def within(values: Sequence[float] | np.ndarray, low: float, high: float) -> tuple[str, str]:
    """Whether the mean of (seeds,) values lies in [low, high], by its 90% interval; and in words.

    The interval inside: reproduced; disjoint: contradicted; else open. A value that is not a
    number makes it open.
    """
    array = np.asarray(values, dtype=float)
    if len(array) < FEWEST_SEEDS:
        return "inconclusive", f"seeds: {len(array)}, at least {FEWEST_SEEDS} are needed"
    if not np.isfinite(array).all():
        gone = int((~np.isfinite(array)).sum())
        return "inconclusive", f"of {gone} of {len(array)} seeds it is no number"
    found = t_interval(array, INTERVAL)
    mean, *ends = (f"{x if abs(x) > TINY else 0:.3g}" for x in found)
    text = f"{mean} [{', '.join(ends)}]"
    if low <= found.low and found.high <= high:
        return "reproduced", text
    return ("contradicted" if found.high < low or found.low > high else "inconclusive"), text


def outcome(parts: Iterable[Part], n: int) -> Outcome:
    """The outcome of a sentence all parts of which must hold."""
    found = list(parts)
    words = {"reproduced": "holds", "contradicted": "fails", "inconclusive": "open"}
    told = "; ".join(f"{text}: {words[verdict]}" for verdict, text in found)
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


def _depth(arm: str) -> str:
    return arm.rsplit("/", 1)[1]


def _activation(arm: str) -> str:
    return arm.split("/")[-2]


def vanishes_within(claim: Claim, records: Records) -> Outcome:
    """Does the sigmoid's largest gradient reach zero in around `steps` layers, and only its own?

    In the sigmoid's arms the mean number of layers, going back from the output, after which a
    layer's largest gradient is below 1% of the largest must be `steps` ± `margin`; in all others
    it must be more (a network that never gets there counts all its layers).
    """
    steps, margin = (float(claim.evidence.threshold(name)) for name in ("steps", "margin"))
    parts = []
    for arm in claim.evidence.arms:
        values = records.metric(arm, "trained_weights_steps")
        sigmoid = _activation(arm) == "sigmoid"
        low, high = (steps - margin, steps + margin) if sigmoid else (steps + margin, np.inf)
        verdict, told = within(values, low, high)
        layers = records.sample_size(arm, "trained_weights_steps")
        parts.append((verdict, f"{_activation(arm)}, {_depth(arm)}: {told} of {layers} layers"))
    return outcome(parts, len(records.of(claim.evidence.arm)))


def small_not_vanishing(claim: Claim, records: Records) -> Outcome:
    """Are a network's gradients small in places, yet by no means as small as its rival's?

    Small: the smallest layer's largest gradient is below 1% of the largest layer's, as the plot
    shows it at zero. By no means as small: the smallest layer's is at least `decades` powers of
    ten above that of `evidence.against`. A network that passes no gradient at all has none.
    """
    arm, rival = claim.evidence.arm, claim.evidence.rival()
    decades = float(claim.evidence.threshold("decades"))
    seeds = shared_seeds(records, (arm, rival))
    smallest = {
        one: np.array([records.array(one, seed, "trained")[WEIGHTS, :, -1].min() for seed in seeds])
        for one in (arm, rival)
    }
    dead = int((smallest[arm] == 0).sum())
    least = of_seeds(records, arm, "trained_weights_least", seeds)
    zero, of_zero = within(np.where(np.isnan(least), -300.0, least), -np.inf, -2.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log10(smallest[arm]) - np.log10(smallest[rival])
    if 2 * dead > len(seeds):
        above, of_above = "contradicted", "most networks pass no gradient"
    else:
        above, of_above = within(ratio[smallest[arm] > 0], decades, np.inf)
    gone = f" ({dead} of {len(seeds)} networks pass no gradient)" if dead else ""
    parts = [
        (zero, f"log₁₀ of the smallest layer's over the largest layer's {of_zero}, below −2"),
        (above, f"log₁₀ of it over the {_activation(rival)}'s {of_above}, above {decades:g}{gone}"),
    ]
    return outcome(parts, len(seeds))


def steady(claim: Claim, records: Records) -> Outcome:
    """On a log axis, do the others' gradients stay steady where the sigmoid's fall exponentially?

    For each depth: the sigmoid's must fall at least by half a layer (−0.301 decades) along a
    straight line (R² at least `fit`); the line through each other's must be at most `share` as
    steep as the sigmoid's, in either direction, in the same seeds.
    """
    share, fit = (float(claim.evidence.threshold(name)) for name in ("share", "fit"))
    arms = claim.evidence.arms
    of_sigmoid = {_depth(arm): arm for arm in arms if _activation(arm) == "sigmoid"}
    parts = []
    for arm in arms:
        sigmoid = of_sigmoid[_depth(arm)]
        slopes = records.metric(arm, "trained_weights_decay")
        name = f"{_activation(arm)}, {_depth(arm)}"
        if arm == sigmoid:
            verdict, told = within(slopes, -np.inf, -np.log10(2))
            parts.append((verdict, f"{name}: {told} decades a layer"))
            verdict, told = within(records.metric(arm, "trained_weights_fit"), fit, 1.0)
            parts.append((verdict, f"{name}: R² {told}"))
            continue
        seeds = shared_seeds(records, (arm, sigmoid))
        own = of_seeds(records, arm, "trained_weights_decay", seeds)
        steepest = np.abs(of_seeds(records, sigmoid, "trained_weights_decay", seeds))
        verdict, _ = within(np.abs(own) - share * steepest, -np.inf, 0.0)
        _, told = within(own, -np.inf, np.inf)
        parts.append((verdict, f"{name}: {told} decades a layer"))
    return outcome(parts, len(records.of(claim.evidence.arm)))


def biases_alike(claim: Claim, records: Records) -> Outcome:
    """Do the gradients of biases behave over layers as those of weights do?

    In every arm the slopes of the two lines, in decades a layer, differ by at most `absolute`, or
    by `relative` of the weights' slope where that is more.
    """
    absolute, relative = (
        float(claim.evidence.threshold(name)) for name in ("absolute", "relative")
    )
    parts = []
    for arm in claim.evidence.arms:
        weights, biases = (
            records.metric(arm, f"trained_{part}_decay") for part in ("weights", "biases")
        )
        most = max(absolute, relative * abs(float(weights.mean())))
        verdict, told = within(biases - weights, -most, most)
        parts.append((verdict, f"{_activation(arm)}, {_depth(arm)}: {told}, within ±{most:.3g}"))
    return outcome(parts, len(records.of(claim.evidence.arm)))


def similar_curves(claim: Claim, records: Records) -> Outcome:
    """Are the learning curves of two activations rather similar?

    The mean curve of `evidence.arm` is posed as if it had been printed, and the runs of the same
    depth with the other activation (`against`, `others` in pairs after it) are judged by it as by
    any printed curve with its default margins (statistics.md, "curve"): training and test, loss
    and accuracy. All four must be similar. The depth is not stated: where depths differ, it is
    open.
    """
    arms = claim.evidence.arms
    parts = []
    for first, second in zip(arms[::2], arms[1::2], strict=True):
        verdicts, lines = [], []
        if lost(records, first) or lost(records, second):
            parts.append(("inconclusive", f"{_depth(first)} layers: some runs diverged"))
            continue
        for name, quantity in CURVES.items():
            posed = records.curve(first, name).mean(axis=0)
            margins = [default_margin(quantity, float(p), HALF_UNIT) for p in posed]
            found = judge_curve(records.curve(second, name), posed, margins, DECIMALS)
            verdicts.append(found.verdict)
            lines.append(f"{name.replace('_', ' ')} {found.mean:.2f} margins off")
        verdict = all_hold(verdicts)
        parts.append((verdict, f"{_depth(first)} layers: {', '.join(lines)}"))
    return differing(parts, len(records.of(arms[1])), "the depth")


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
        smaller, of_smaller = within((logs[0] < logs[1]).mean(axis=1), share, 1.0)
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

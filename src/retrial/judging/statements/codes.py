"""Tests of what report 002 says of classifiers on the codes of its autoencoders (C 3.5).

Rules and thresholds are fixed before a run; that a network which has not learned its codes
contradicts nothing was added after the first one, and makes verdicts say less. Arms of one seed
share their draws, so that comparisons are paired; those with a value per image add the chance in
the images (statistics.md, "order"). The parts of one sentence are a table for Holm, and all must
hold.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome
from retrial.judging.rules import metric_of
from retrial.judging.statements.compared import (
    HALF,
    all_hold,
    compared,
    judge_on_assumed_images,
    lacks,
    not_comparable,
    shared_seeds,
    told,
)
from retrial.statistics import (
    FEWEST_SEEDS_ORDER,
    OrderEvidence,
    OrderJudgement,
    decide_table,
    judge_order,
    order_test,
    parse_printed,
)
from retrial.statistics.order import seeds_beyond

CORRECT = "validation_correct"
SLIGHT = {"reproduced": "slight", "contradicted": "not slight", "inconclusive": "slight or not"}


def _mean(records: Records, arm: str, metric: str) -> float:
    return float(records.metric(arm, metric).mean())


def on_either_part(claim: Claim, records: Records) -> Outcome:
    """A printed accuracy that may be of the validation or the test images: judged on the former.

    Which images those are is assumed, so that other ones are chance. Beside it stands what the
    other reading would give.
    """
    own, metric = judge_on_assumed_images(claim, records), metric_of(claim)
    other_metric = metric.replace("validation", "test")
    evidence = claim.evidence.model_copy(update={"metric": other_metric})
    other = judge_on_assumed_images(claim.model_copy(update={"evidence": evidence}), records)
    change = "the same" if other.verdict == own.verdict else f"{other.verdict} instead"
    return replace(
        own,
        reason=f"{own.reason}; read as {other_metric.replace('_', ' ')} it would be {change} "
        f"({other.reason})",
    )


def _given_a_fitted_classifier(
    outcome: Outcome, records: Records, sources: Sequence[str]
) -> Outcome:
    """A contradiction is none where the classifier on the codes, our choice, was stopped early.

    The report does not name it. That it has not learned its codes shows when a linear classifier,
    trained to its optimum on the same ones, gets more of the training images right.
    """
    lines = []
    for source in sources:
        if f"probe/{source}" in records.arms():
            network, linear = (
                _mean(records, f"{kind}/{source}", "train_accuracy") for kind in ("code", "probe")
            )
            if linear > network:
                lines.append(f"{source} {network:.3f} (linear {linear:.3f})")
    if outcome.verdict != "contradicted" or not lines:
        return outcome
    return replace(
        outcome,
        verdict="inconclusive",
        reason="reading: the network on the codes, which the report does not name, is stopped "
        "before it gets as many training images right as a linear classifier does, "
        f"{', '.join(lines)}; {outcome.reason}",
    )


def slight_reduction(claim: Claim, records: Records) -> Outcome:
    """Classifiers on codes are slightly less accurate than those on raw pixels, of each activation.

    Of each pair `code/…`, `raw/…` two parts: raw is better (an order claim, Holm over the pairs),
    and by at most `slight`: the 90% interval of the reduction lies below it, and fails when it lies
    above. A threshold for each activation holds the printed accuracies, "code raw".
    """
    codes = [arm for arm in claim.evidence.arms if arm.startswith("code/")]
    slight = float(claim.evidence.threshold("slight"))
    raws = [arm.replace("code/", "raw/") for arm in codes]
    pairs = [compared(records, raw, code, CORRECT) for raw, code in zip(raws, codes, strict=True)]
    failed = not_comparable(records, claim.evidence.arms, min((one for one, _ in pairs), key=len))
    if failed is not None:
        return failed
    found = decide_table([judge_order(*pair) for _, pair in pairs], [1] * len(pairs))
    small = [_below(one.evidence, slight) for one in found]
    verdict = all_hold([*(one.verdict for one in found), *small])
    lines, prints = [], []
    for code, one, size in zip(codes, found, small, strict=True):
        lines.append(f"{code} {told(one.evidence)}, {SLIGHT[size]}{lacks(one)}")
        name = code.removeprefix("code/")
        with_, raw = (parse_printed(x) for x in str(claim.evidence.threshold(name)).split())
        prints.append(raw.value - with_.value)
    passes = "passes" if all(0 < one <= slight for one in prints) else "does not pass"
    printed = " and ".join(f"{float(one):g}" for one in prints)
    first = found[0].evidence
    outcome = Outcome(
        verdict,
        first.mean,
        first.low,
        first.high,
        first.n,
        f"reduction from raw pixels (slight: at most {slight:g}), {'; '.join(lines)}, over "
        f"{first.n} seeds and {first.m} images; the print itself, {printed}, {passes}",
        seeds_needed=_seeds(found, [one.evidence for one in found], small, slight),
    )
    sources = [arm.removeprefix("code/") for arm in codes]
    return _given_a_fitted_classifier(outcome, records, sources)


def _below(one: OrderEvidence, threshold: float) -> str:
    """The verdict on a difference being at most `threshold`, by its 90% interval."""
    if one.n < FEWEST_SEEDS_ORDER:
        return "inconclusive"
    if one.high <= threshold:
        return "reproduced"
    return "contradicted" if one.low > threshold else "inconclusive"


def _seeds(
    orders: Sequence[OrderJudgement],
    limited: Sequence[OrderEvidence],
    verdicts: Sequence[str],
    limit: float,
) -> int | None:
    """Seeds that would decide what is open of order claims and of differences under a limit.

    None where nothing is open, something is contradicted already, or no number is enough.
    """
    if all_hold([*(one.verdict for one in orders), *verdicts]) != "inconclusive":
        return None
    needed = [one.seeds_needed for one in orders if one.verdict == "inconclusive"]
    pairs = zip(limited, verdicts, strict=True)
    needed += [seeds_beyond(one, limit) for one, what in pairs if what == "inconclusive"]
    return max((n for n in needed if n), default=None) if all(needed) else None


def transfers(claim: Claim, records: Records) -> Outcome:
    """Classifiers benefit from codes learned elsewhere, even with a smaller model: two halves.

    Benefit: with `budget` labelled images, classifiers on the codes of both autoencoders are more
    accurate than on raw pixels and than on as many random projections, in which nothing is learned;
    PCA, itself learned from images without labels, stands beside it and decides nothing. Order
    claims, Holm over the four. Smaller: with few hidden units a classifier on the codes is not less
    accurate than the one of the chosen widths by more than `slack` (90% interval). Larger budgets
    stand beside it.
    """
    budget, slack = (claim.evidence.threshold(name) for name in ("budget", "slack"))
    sources, rivals = ("relu", "identity"), ("raw", "random", "pca")
    names = [
        (f"budget/{source}/{budget}", f"budget/{rival}/{budget}")
        for rival in rivals
        for source in sources
    ]
    pairs = [compared(records, *two, CORRECT) for two in names]
    shrunk = [compared(records, f"code/{one}", f"smaller/{one}", CORRECT) for one in sources]
    arms = [*dict.fromkeys(arm for two in names for arm in two)]
    arms += [f"{kind}/{one}" for kind in ("code", "smaller") for one in sources]
    fewest = min((seeds for seeds, _ in [*pairs, *shrunk]), key=len)
    failed = not_comparable(records, arms, fewest)
    if failed is not None:
        return failed
    tests = [judge_order(*pair) for _, pair in pairs]
    table, beside = tests[: 2 * len(sources)], tests[2 * len(sources) :]
    decisive = decide_table(table, [1] * len(table))
    costs = [judge_order(*pair) for _, pair in shrunk]
    kept = [_below(one, float(slack)) for one in costs]
    verdict = all_hold([*(one.verdict for one in decisive), *kept])
    lines = [
        f"{a} less {b} {told(one.evidence)}{lacks(one)}"
        for (a, b), one in zip(names, decisive, strict=False)
    ]
    lines += [
        f"{a} less {b} {told(one)}"
        for (a, b), one in zip(names[len(decisive) :], beside, strict=True)
    ]
    benefit, small = all_hold(one.verdict for one in decisive), all_hold(kept)
    smaller = ", ".join(f"{name} {told(one)}" for name, one in zip(sources, costs, strict=True))
    first = decisive[0].evidence
    outcome = Outcome(
        verdict,
        first.mean,
        first.low,
        first.high,
        first.n,
        f"that codes are of benefit with {budget} labels {HALF[benefit]}, that a smaller model "
        f"serves {HALF[small]}; validation accuracy {'; '.join(lines)}; of the chosen widths less "
        f"the smaller ones {smaller} (at most {float(slack):g} may be lost), over {first.n} seeds"
        f"{_budgets(records, sources + rivals, int(budget))}",
        seeds_needed=_seeds(decisive, costs, kept, float(slack)),
    )
    return _given_a_fitted_classifier(outcome, records, sources)


def _budgets(records: Records, sources: Sequence[str], decided: int) -> str:
    """Mean validation accuracies at the other label budgets, in words."""
    prefix = f"budget/{sources[0]}/"
    sizes = sorted(
        int(arm.removeprefix(prefix)) for arm in records.arms() if arm.startswith(prefix)
    )
    lines = []
    for size in sizes:
        if size == decided:
            continue
        accuracies = [
            f"{one} {_mean(records, f'budget/{one}/{size}', 'validation_accuracy'):.3f}"
            for one in sources
        ]
        lines.append(f"with {size} labels {', '.join(accuracies)}")
    return f"; {'; '.join(lines)}" if lines else ""


def hard_tops(claim: Claim, records: Records) -> Outcome:
    """Errors on codes are mostly among T-shirt, pullover, coat and shirt; the general class is not.

    Of each classifier `code/…` two parts. Hard: the share of the validation errors with both
    classes among the four is at least `share`, and at least `times` what errors spread evenly over
    all other classes would give. General: at least `general` of the images get a class of the right
    kind; `kinds` are the classes of each ("0246 1 …"). By 90% intervals over seeds and images.
    Beside it stands the share on raw pixels.
    """
    codes = [arm for arm in claim.evidence.arms if arm.startswith("code/")]
    if not codes:
        raise RetrialError("evidence.arm: expected an arm that begins with code/ among the arms")
    share, times, general = (
        float(claim.evidence.threshold(name)) for name in ("share", "times", "general")
    )
    kinds = str(claim.evidence.threshold("kinds")).split()
    failed = not_comparable(records, codes, shared_seeds(records, codes))
    if failed is not None:
        return failed
    verdicts, lines, shares = [], [], []
    for arm in codes:
        tops, accuracy = (
            records.metric(arm, name) for name in ("tops_share", "validation_accuracy")
        )
        if np.isnan(tops).any():
            return Outcome("inconclusive", None, n=len(tops), reason=f"{arm}: a run has no error")
        images = records.sample_size(arm, "validation_accuracy")
        even = _mean(records, arm, "tops_expected")
        least = max(share, times * even)
        hard = _share(tops, max(2, round(float((1 - accuracy).mean()) * images)))
        kind = _share(_kind_right(records, arm, kinds), images)
        shares.append(hard)
        verdicts += [_beyond(hard, least), _beyond(kind, general)]
        lines.append(
            f"{arm} {_range(hard)} of its errors among the four tops (at least {least:.3f}; errors "
            f"spread evenly give {even:.3f}), a class of the right kind for {_range(kind)} of the "
            f"images (at least {general:g})"
        )
    first = shares[0]
    raws = [arm for arm in claim.evidence.arms if arm not in codes]
    beside = ", ".join(f"{arm} {_mean(records, arm, 'tops_share'):.3f}" for arm in raws)
    return Outcome(
        all_hold(verdicts),
        first.mean,
        first.low,
        first.high,
        first.n,
        f"{'; '.join(lines)}, over {first.n} seeds"
        + (f"; share of the errors on raw pixels: {beside}" if raws else ""),
    )


def _kind_right(records: Records, arm: str, kinds: Sequence[str]) -> np.ndarray:
    """(seeds,) share of the validation images that are given a class of the right kind."""
    found = []
    for trial in records.of(arm):
        counts = records.array(arm, trial["seed"], "validation_confusion")
        groups = [[int(one) for one in kind] for kind in kinds]
        right = sum(int(counts[np.ix_(group, group)].sum()) for group in groups)
        found.append(right / int(counts.sum()))
    return np.array(found)


def _beyond(one: OrderEvidence, least: float) -> str:
    """The verdict on a mean being at least `least`, by its 90% interval."""
    if one.low >= least:
        return "reproduced"
    return "contradicted" if one.high < least else "inconclusive"


def _share(shares: np.ndarray, of: int) -> OrderEvidence:
    """A share (seeds,) of `of` cases, with the chance in the seeds and in the cases."""
    mean = float(shares.mean())
    return order_test(shares, math.sqrt(max(0.0, mean * (1 - mean))), of)


def _range(one: OrderEvidence) -> str:
    return f"{one.mean:.3f} [{one.low:.3f}, {one.high:.3f}]"

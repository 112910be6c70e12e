"""Tests of what report 002 says of its split and of its four library networks (C 3.1.1, 3.2.2).

The rules and their thresholds are fixed before a run. All networks of a seed share their draws, so
that comparisons are paired. The parts of one sentence are a table for Holm, and all must hold.
Those of accuracies add the chance in the images (statistics.md, "order"); epochs and losses, of
which no value per image is recorded, are compared over seeds, on these very images.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
from scipy.stats import hypergeom

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome
from retrial.judging.possibility import accuracy_candidates, check_accuracy
from retrial.judging.statements.compared import (
    all_hold,
    compared,
    decide_each,
    judge_on_assumed_images,
    lacks,
    lost_text,
    not_comparable,
    over_seeds,
    seeds_to_decide,
    shared_seeds,
    told,
)
from retrial.statistics import (
    FEWEST_SEEDS,
    OrderJudgement,
    Printed,
    decide_table,
    judge_order,
    parse_printed,
    prediction_interval,
    smallest_mcnemar_p,
    t_interval,
)

INTERVAL = 0.90
PARTS = ("train", "validation", "test")
# The training file has 60,000 images; sizes of a training set are tried in steps of a thousand.
SIZES = range(1000, 60_001, 1000)
# A plot of fewer epochs shows no end that a curve could come to.
FEWEST_EPOCHS = 10


def split_sizes(claim: Claim, records: Records) -> Outcome:
    """A split of stated sizes, of which the small parts are apart from the training images.

    `train`, `validation`, `test`: the sizes; a threshold for each network holds its printed
    accuracies, "train validation". Two halves. The sizes: every printed accuracy must be a whole
    number of that many images. Apart: the printed gap, accuracy of train less that of validation,
    must lie in the 99% range of one run of a network whose validation images are apart, and outside
    that of the arm `leak/…`, whose validation images are training images, for every network of
    `evidence.arms` that has such an arm. The other way round it is contradicted; else it is open
    which images are meant. Beside it stands how likely the printed accuracies are if the images are
    any of the training images, which needs no run and no order of the rows.
    """
    stated = {part: int(claim.evidence.threshold(part)) for part in PARTS}
    leaks = [arm for arm in claim.evidence.arms if arm.startswith("leak/")]
    networks = [arm.removeprefix("leak/") for arm in leaks]
    for part, size in stated.items():
        found = records.sample_size(claim.evidence.arm, f"{part}_accuracy")
        if found != size:
            raise RetrialError(
                f"evidence.thresholds.{part} = {size}: the study has {found} images of it"
            )
    prints = {name: _pair(claim, name) for name in claim.evidence.thresholds if name not in stated}
    sizes = {"train": stated["train"], "validation": stated["validation"]}
    misfits = [
        f"{printed.text} of {name}, {part}"
        for name, pair in prints.items()
        for printed, (part, size) in zip(pair, sizes.items(), strict=True)
        if not check_accuracy(printed.text, size).ok
    ]
    trained = [pair[0].text for pair in prints.values()]
    fitting = [n for n in SIZES if all(check_accuracy(text, n).ok for text in trained)]
    counts = (
        f"printed accuracies that are no whole number of {stated['train']} and "
        f"{stated['validation']} images: {', '.join(misfits) or 'none'} (of the training sizes in "
        f"thousands, {len(fitting)} of {len(SIZES)} fit, the smallest is "
        f"{fitting[0] if fitting else 'none'})"
    )
    n = len(shared_seeds(records, claim.evidence.arms))
    if misfits:
        return Outcome("contradicted", None, n=n, reason=counts)
    failed = _unjudgeable(records, claim.evidence.arms)
    if failed is not None:
        return failed
    lines, readings = [], set()
    for name, leak in zip(networks, leaks, strict=True):
        reading, line = _reading(prints[name], records, name, leak)
        readings.add(reading)
        lines.append(f"{line}; {_by_draw(prints[name], stated)}")
    reading = readings.pop() if len(readings) == 1 else "open"
    verdict = {"apart": "reproduced", "leak": "contradicted"}.get(reading, "inconclusive")
    which = {
        "apart": "the validation images are apart from the training images",
        "leak": "the validation images are among the training images",
    }.get(reading, "reading: the gaps do not tell which images the first 2,000 are")
    return Outcome(verdict, None, n=n, reason=f"{which}: {'; '.join(lines)}; {counts}")


def _pair(claim: Claim, name: str) -> tuple[Printed, Printed]:
    """A network's printed accuracies: train, validation."""
    train, validation = str(claim.evidence.threshold(name)).split()
    return parse_printed(train), parse_printed(validation)


def _reading(
    pair: tuple[Printed, Printed], records: Records, name: str, leak: str
) -> tuple[str, str]:
    """Which reading a printed gap tells ("apart", "leak", "open"), and how, in words."""
    gap, half = float(pair[0].value - pair[1].value), sum(float(one.half_unit) for one in pair)
    ranges = [prediction_interval(records.metric(arm, "gap"), half) for arm in (name, leak)]
    inside = [gap in one for one in ranges]
    reading = {(True, False): "apart", (False, True): "leak"}.get((inside[0], inside[1]), "open")
    own, leaked = (f"[{one.low:+.4f}, {one.high:+.4f}]" for one in ranges)
    return reading, (
        f"the printed gap of {name} is {gap:+.4f}, one run has {own} apart and {leaked} among them"
    )


def _by_draw(pair: tuple[Printed, Printed], sizes: Mapping[str, int]) -> str:
    """How likely so few images are right if they were drawn from the training images, in words."""
    train, validation = (sizes[part] for part in PARTS[:2])
    right, of_drawn = (
        accuracy_candidates(one.text, size).start
        for one, size in zip(pair, (train, validation), strict=True)
    )
    p = float(hypergeom.cdf(of_drawn, train, right, validation))
    return (
        f"of {validation} drawn from {train} with {right} right, {of_drawn} or fewer are right "
        f"with probability {p:.2g}"
    )


def _unjudgeable(records: Records, arms: Sequence[str]) -> Outcome | None:
    """The outcome of too few seeds, or of runs that diverged."""
    diverged = [text for arm in arms if (text := lost_text(records, arm))]
    n = min(len(records.of(arm)) for arm in arms)
    if diverged:
        return Outcome("inconclusive", None, n=n, reason="; ".join(diverged))
    if n < FEWEST_SEEDS:
        reason = f"seeds: {n}, at least {FEWEST_SEEDS} are needed"
        return Outcome("inconclusive", None, n=n, reason=reason, seeds_needed=FEWEST_SEEDS)
    return None


def on_assumed_images(claim: Claim, records: Records) -> Outcome:
    """A printed accuracy of images of which it is assumed that they are the study's own."""
    return judge_on_assumed_images(claim, records)


def performs_best(claim: Claim, records: Records) -> Outcome:
    """One network performs best: more accurate on the validation images than each other one.

    An order claim against each rival, Holm over all of them; all must hold. `against` is the rival
    that is printed next to it; thresholds: `least`, the least difference that matters, and the two
    printed accuracies, `printed` and `printed_against`. Beside it stand how many images separate
    the two, as printed and in a run, and the accuracies on the test images.
    """
    best, rivals = claim.evidence.arm, claim.evidence.arms[1:]
    pairs = [compared(records, best, rival, "validation_correct") for rival in rivals]
    seeds = shared_seeds(records, claim.evidence.arms)
    failed = not_comparable(records, claim.evidence.arms, seeds)
    if failed is not None:
        return failed
    least = float(claim.evidence.threshold("least"))
    found = decide_table([judge_order(*pair) for _, pair in pairs], [1] * len(pairs), least)
    verdict = all_hold(one.verdict for one in found)
    lines = [
        f"against {rival} {told(one.evidence)}{lacks(one)}"
        for rival, one in zip(rivals, found, strict=True)
    ]
    # The rival that the claim turns on is the one that is hardest to beat.
    closest = min(found, key=lambda one: one.evidence.mean).evidence
    images = [one.images_needed for one in found if one.verdict == "inconclusive"]
    more = f"; {max(filter(None, images)):,} images would decide" if any(images) else ""
    tests = ", ".join(f"{arm} {_mean(records, arm, 'test_accuracy')}" for arm in (best, *rivals))
    return Outcome(
        verdict,
        closest.mean,
        closest.low,
        closest.high,
        closest.n,
        f"validation accuracy of {best}, {'; '.join(lines)}, over {closest.n} seeds and "
        f"{closest.m} images, p before Holm over {len(found)}{more if all(images) else ''}; "
        f"{_separated(claim, records, seeds)}; on the test images {tests}",
        seeds_needed=seeds_to_decide(found) if verdict == "inconclusive" else None,
    )


def _separated(claim: Claim, records: Records, seeds: Sequence[int]) -> str:
    """How many images separate the best from the second, as printed and in a run, in words."""
    best, second = claim.evidence.arm, claim.evidence.rival()
    right = [records.array(best, seed, "validation_correct").astype(bool) for seed in seeds]
    other = [records.array(second, seed, "validation_correct").astype(bool) for seed in seeds]
    size = len(right[0])
    only = float(np.mean([(a & ~b).sum() for a, b in zip(right, other, strict=True)]))
    only_other = float(np.mean([(b & ~a).sum() for a, b in zip(right, other, strict=True)]))
    printed = [str(claim.evidence.threshold(name)) for name in ("printed", "printed_against")]
    counts = [accuracy_candidates(text, size) for text in printed]
    as_printed = "the printed accuracies are none of so many images"
    if all(counts):
        a, b = (one.start for one in counts)
        p = smallest_mcnemar_p(a, b, size)
        as_printed = (
            f"as printed, {a} against {b} of {size}, {abs(a - b)} images separate {best} from "
            f"{second}, which cannot give less than p = {p:.2g} (McNemar)"
        )
    return f"{as_printed}; in a run {best} alone gets {only:.1f} right, {second} {only_other:.1f}"


def _mean(records: Records, arm: str, metric: str) -> str:
    return f"{float(records.metric(arm, metric).mean()):.4f}"


def converges_first(claim: Claim, records: Records) -> Outcome:
    """One network converges first, and at more loss than the others.

    Converged: the first epoch within 5% of the final training loss, as the study records it. Two
    halves against each rival: fewer epochs (less than `epochs` of them do not matter), and a higher
    final loss (less than the share `loss` of the rival's does not matter). The report does not say
    which loss, so training and validation are two readings, each with Holm over all its
    comparisons; where they differ, so does the answer. Thresholds `train` and `validation`: the
    printed losses, of the arms in their order.
    """
    one, rivals = claim.evidence.arm, claim.evidence.arms[1:]
    seeds = shared_seeds(records, claim.evidence.arms)
    failed = not_comparable(records, claim.evidence.arms, seeds)
    if failed is not None:
        return failed
    slack = float(claim.evidence.threshold("epochs"))
    share = float(claim.evidence.threshold("loss"))
    earlier = [over_seeds(records, seeds, "settled", rival, one) for rival in rivals]
    verdicts: dict[str, str] = {}
    lines: list[str] = []
    halves: list[OrderJudgement] = []
    for part in ("train", "validation"):
        higher = [over_seeds(records, seeds, f"{part}_loss", one, rival) for rival in rivals]
        deltas = [share * float(records.metric(rival, f"{part}_loss").mean()) for rival in rivals]
        found = decide_each([*earlier, *higher], [slack] * len(earlier) + deltas)
        verdicts[part] = all_hold(half.verdict for half in found)
        halves += found
        if not lines:
            lines += [
                f"{rival} converges {told(half.evidence, '+.1f')} epochs later{lacks(half)}"
                for rival, half in zip(rivals, found, strict=False)
            ]
        lines += [
            f"{part} loss of {one} less {rival} {told(half.evidence)}{lacks(half)}"
            for rival, half in zip(rivals, found[len(rivals) :], strict=True)
        ]
    agree = verdicts["train"] == verdicts["validation"]
    verdict = verdicts["train"] if agree else "inconclusive"
    differ = ", ".join(f"by the {part} loss {what}" for part, what in verdicts.items())
    return Outcome(
        verdict,
        earlier[0].mean,
        earlier[0].low,
        earlier[0].high,
        len(seeds),
        f"{'' if agree else f'reading: {differ}; '}{'; '.join(lines)}, over {len(seeds)} seeds"
        f"{_against_itself(claim, one, rivals)}",
        seeds_needed=seeds_to_decide(halves) if verdict == "inconclusive" else None,
    )


def _against_itself(claim: Claim, one: str, rivals: Sequence[str]) -> str:
    """Where the printed table itself says otherwise than the sentence beside it, in words."""
    contrary = []
    for part in ("train", "validation"):
        own, *others = (Fraction(x) for x in str(claim.evidence.threshold(part)).split())
        contrary += [
            f"{part} loss of {one} {float(own):g}, not above {float(other):g} of {rival}"
            for rival, other in zip(rivals, others, strict=True)
            if own <= other
        ]
    return f"; the printed table itself has a {'; a '.join(contrary)}" if contrary else ""


def does_not_converge(claim: Claim, records: Records) -> Outcome:
    """One network does not converge while the others (`evidence.others`) do.

    By the training loss per epoch. A network has not converged when the last tenth of the epochs
    makes more than the share `share` of the whole fall from the first epoch to the last (a straight
    line makes 0.1; an exponential approach has less than 0.02 after three of its time constants).
    The sentence holds when that is so, and the final loss is more than `times` that of every other
    network; it fails when the network has converged or its loss is not that high; each by the 90%
    interval over seeds. A rule by which some other network has not converged either tells none of
    them apart: open. Beside it stands what more epochs and another learning rate do.
    """
    arm, others = claim.evidence.arm, claim.evidence.others
    share, times = (float(claim.evidence.threshold(name)) for name in ("share", "times"))
    failed = _unjudgeable(records, claim.evidence.arms)
    if failed is not None:
        return failed
    curves = {one: records.curve(one, "train_loss") for one in claim.evidence.arms}
    n = len(curves[arm])
    shortest = min(_epochs(curve) for curve in curves.values())
    if shortest < FEWEST_EPOCHS:
        reason = f"epochs: {shortest}, at least {FEWEST_EPOCHS} are needed"
        return Outcome("inconclusive", None, n=n, reason=reason)
    falls = {one: t_interval(_late_fall(curve), INTERVAL) for one, curve in curves.items()}
    highest = max(float(records.metric(one, "train_loss").mean()) for one in others)
    ratio = t_interval(records.metric(arm, "train_loss") / highest, INTERVAL)
    alike = [one for one in others if falls[one].high > share]
    verdict = "inconclusive"
    if falls[arm].high <= share or ratio.high <= times:
        verdict = "contradicted"
    elif falls[arm].low > share and ratio.low > times and not alike:
        verdict = "reproduced"
    lines = ", ".join(f"{one} {fall.mean:.3f}" for one, fall in falls.items())
    unclear = f"; the rule does not call {' or '.join(alike)} converged either" if alike else ""
    return Outcome(
        verdict,
        falls[arm].mean,
        falls[arm].low,
        falls[arm].high,
        n,
        f"share of the fall in the last tenth of the epochs: {lines} (above {share:g}: not "
        f"converged); final training loss of {arm} is {ratio.mean:.2f} [{ratio.low:.2f}, "
        f"{ratio.high:.2f}] times the highest of the others (above {times:g}: not there yet), over "
        f"{n} seeds{unclear}{_other_schedules(records, arm, highest)}",
    )


def _epochs(curve: np.ndarray) -> int:
    """The epochs of the shortest run of (seeds, epochs), which is padded with nan."""
    return int(np.isfinite(curve).sum(axis=1).min())


def _late_fall(curve: np.ndarray) -> np.ndarray:
    """(seeds,) share of the whole fall of a loss that is made in the last tenth of its epochs.

    A loss that did not fall at all has not come to an end that training could have brought: 1.
    """
    found = []
    for row in curve:
        losses = row[np.isfinite(row)]
        whole = losses[0] - losses[-1]
        late = losses[-1 - len(losses) // 10] - losses[-1]
        found.append(late / whole if whole > 0 else 1.0)
    return np.array(found)


def _other_schedules(records: Records, arm: str, highest: float) -> str:
    """How an arm ends with more epochs, and at another learning rate, in words."""
    lines = []
    for kind in ("longer", "faster"):
        other = f"{kind}/{arm}"
        if other not in records.arms():
            continue
        config = records.of(other)[0]["config"]
        text = lost_text(records, other)
        lines.append(
            f"{other} ({config['epochs']} epochs at learning rate {config['learning_rate']:g}) "
            f"ends at {float(records.metric(other, 'train_loss').mean()):.4f}"
            + (f" ({text})" if text else "")
        )
    if not lines:
        return ""
    return f"; by another schedule {', '.join(lines)}; the highest of the others is {highest:.4f}"

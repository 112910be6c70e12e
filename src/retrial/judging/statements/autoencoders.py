"""Tests of what report 002 says of its autoencoders (C 3.4).

Rules and thresholds are fixed before a run. Both autoencoders of a seed share their draws, so that
comparisons are paired; those with a value per image add the chance in the images (statistics.md,
"order"). The parts of one sentence are a table for Holm, and all must hold.
"""

from collections.abc import Sequence

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.judging.choose_library import TOLERANCE, stopping_epochs
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome
from retrial.judging.statements.compared import (
    all_hold,
    compared,
    decide_each,
    lacks,
    lost_text,
    not_comparable,
    over_seeds,
    seeds_to_decide,
    told,
)
from retrial.statistics import FEWEST_SEEDS, decide_table, judge_order, order_test

# Digits of a squared error, which is far below 1.
SMALL = "+.3g"


def _mean(records: Records, arm: str, metric: str) -> float:
    return float(records.metric(arm, metric).mean())


def autoencoder_setup(claim: Claim, records: Records) -> Outcome:
    """A stated autoencoder: is it what the study trains, and is its code as large as printed?

    `hidden` ("512-128-…"), `learning_rate` and `epochs` as stated; `code`, the size of the feature
    vectors that another sentence prints, must be the narrowest width.
    """
    widths = [int(width) for width in str(claim.evidence.threshold("hidden")).split("-")]
    code = int(claim.evidence.threshold("code"))
    stated = {name: claim.evidence.threshold(name) for name in ("learning_rate", "epochs")}
    by_arm = [records.of(arm) for arm in claim.evidence.arms]
    trials = [trial for some in by_arm for trial in some]
    lost = [sum(trial["status"] != "ok" for trial in some) for some in by_arm]
    for trial in trials:
        config = trial["config"]
        as_stated = all(config[name] == value for name, value in stated.items())
        # A profile's budget may cut the epochs; the verdict says so then.
        if config["hidden"] != widths or (trial["whole"] and not as_stated):
            raise RetrialError(
                f"evidence.thresholds: the study does not train {widths} with {stated}"
            )
    verdict = "reproduced"
    # A network of which no run can be trained so is one that the statement is wrong of.
    none = any(count == len(some) for count, some in zip(lost, by_arm, strict=True))
    if min(widths) != code or none:
        verdict = "contradicted"
    elif sum(lost):
        verdict = "inconclusive"
    return Outcome(
        verdict,
        None,
        n=len(trials),
        reason=f"{len(trials) - sum(lost)} of {len(trials)} runs train to the end with hidden "
        f"layers {'-'.join(map(str, widths))} at a learning rate of {stated['learning_rate']:g} "
        f"for {stated['epochs']} epochs, as stated; the narrowest layer has {min(widths)} units, "
        f"feature vectors of {code} are printed; nothing of the report is tested by this but that",
    )


def lower_loss(claim: Claim, records: Records) -> Outcome:
    """One autoencoder has the lower training and the lower validation loss: two order claims.

    At the report's own schedule. The validation error is paired over seeds and images, that of the
    training images over seeds, since they are the ones that are asked about; less than the share
    `loss` of the rival's error does not matter. Beside it stand both where the library's default
    tolerance would have stopped them, both where they have converged, and the error of PCA of the
    same rank, below which no linear autoencoder can come in training.
    """
    arm, rival = claim.evidence.arm, claim.evidence.rival()
    seeds, pair = compared(records, rival, arm, "errors")
    failed = not_comparable(records, (arm, rival), seeds)
    if failed is not None:
        return failed
    share = float(claim.evidence.threshold("loss"))
    table = [over_seeds(records, seeds, "train_mse", rival, arm), judge_order(*pair)]
    parts = ("train", "validation")
    means = [_mean(records, rival, f"{part}_mse") for part in parts]
    found = decide_each(table, [share * mean for mean in means])
    verdict = all_hold(one.verdict for one in found)
    lines = [
        f"{part} error of {rival} ({mean:.3g}) less {arm}: {told(one.evidence, SMALL)}{lacks(one)}"
        for part, mean, one in zip(parts, means, found, strict=True)
    ]
    last = table[1]
    return Outcome(
        verdict,
        last.mean,
        last.low,
        last.high,
        last.n,
        f"mean squared error, {'; '.join(lines)}, over {last.n} seeds"
        f"{_stopped(records, arm, rival, seeds)}{_converged(records, arm, rival)}"
        f"{_floor(records, arm)}",
        seeds_needed=seeds_to_decide(found) if verdict == "inconclusive" else None,
    )


def _stopped(records: Records, arm: str, rival: str, seeds: Sequence[int]) -> str:
    """Which is better where the library's default tolerance would have stopped both, in words."""
    ends, errors = {}, {}
    for one in (arm, rival):
        rows = [trial["seed"] in seeds for trial in records.of(one)]
        losses = records.curve(one, "running_loss")[rows]
        at = stopping_epochs(losses, TOLERANCE)
        ends[one] = float(at.mean())
        errors[one] = records.curve(one, "validation_mse")[rows, at - 1]
        epochs = losses.shape[1]
    if min(ends.values()) == epochs:
        return f"; the library's default tolerance stops neither before epoch {epochs}"
    difference = order_test(errors[rival] - errors[arm], 0.0, 2)
    means = " and ".join(f"{one} after {end:.0f}" for one, end in ends.items())
    return (
        f"; stopped by the library's default tolerance, {means} of {epochs} epochs on average, the "
        f"validation error of {rival} less {arm} is {told(difference, SMALL)} over seeds"
    )


def _converged(records: Records, arm: str, rival: str) -> str:
    """Which of two autoencoders is better where both have converged, in words."""
    arms = [f"converged/{one}" for one in (arm, rival)]
    if not set(arms) <= set(records.arms()):
        return ""
    seeds, pair = compared(records, arms[1], arms[0], "errors")
    diverged = [text for one in arms if (text := lost_text(records, one))]
    if len(seeds) < FEWEST_SEEDS or diverged:
        return f"; converged: {'; '.join(diverged) or f'{len(seeds)} seeds only'}"
    one = judge_order(*pair)
    better = arm if one.low > 0 else rival if one.high < 0 else "neither"
    config = records.of(arms[0])[0]["config"]
    return (
        f"; after {config['epochs']} epochs at {config['learning_rate']:g} the validation error of "
        f"{rival} less {arm} is {told(one, SMALL)} ({better} is better, {len(seeds)} seeds)"
    )


def _floor(records: Records, arm: str) -> str:
    """An autoencoder's error against that of PCA of the same rank, in words."""
    if "pca" not in records.arms():
        return ""
    lines = []
    for part in ("train", "validation"):
        least = _mean(records, "pca", f"{part}_mse")
        times = [
            f"{one} {_mean(records, one, f'{part}_mse') / least:.2f}"
            for one in (arm, f"converged/{arm}")
            if one in records.arms()
        ]
        lines.append(f"{part} {least:.3g} ({', '.join(times)} times that)")
    return f"; PCA of the same rank: {', '.join(lines)}"


def sharper_edges(claim: Claim, records: Records) -> Outcome:
    """One autoencoder's images have the sharper edges: more gradient energy of the original's.

    An order claim over seeds and validation images; a share of less than `edges` of the original's
    energy does not matter. Noise has gradients too: where the claimed one has more of them but its
    structural similarity is lower by more than `similarity` (90% interval), or has more of them
    than the originals themselves, it is open.
    """
    arm, rival = claim.evidence.arm, claim.evidence.rival()
    seeds, pair = compared(records, arm, rival, "edges")
    failed = not_comparable(records, (arm, rival), seeds)
    if failed is not None:
        return failed
    slack = float(claim.evidence.threshold("similarity"))
    delta = float(claim.evidence.threshold("edges"))
    (found,) = decide_table([judge_order(*pair)], [1], delta)
    similar = over_seeds(records, seeds, "validation_ssim", arm, rival)
    verdict, noisy = found.verdict, ""
    if verdict == "reproduced" and similar.high < -slack:
        verdict, noisy = "inconclusive", "; more gradients but less like the originals"
    elif verdict == "reproduced" and _mean(records, arm, "validation_edges") > 1:
        verdict, noisy = "inconclusive", "; more gradients than the originals have"
    one = found.evidence
    means = ", ".join(
        f"{name} {_mean(records, name, 'validation_edges'):.3f}" for name in (arm, rival)
    )
    return Outcome(
        verdict,
        one.mean,
        one.low,
        one.high,
        one.n,
        f"gradient energy as a share of the original's ({means}), {arm} less {rival}: {told(one)} "
        f"over {one.n} seeds and {one.m} images{lacks(found)}; structural similarity of {arm} less "
        f"{rival}: {told(similar)}{noisy}",
        seeds_needed=found.seeds_needed,
    )

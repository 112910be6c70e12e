"""Tests of what report 001 says of batch normalisation (T2), on networks trained in small.

Every seed draws a problem, a test set and weights of its own, so that the seeds hold all the
chance there is. Networks are compared within a seed; both comparisons of a claim must agree, with
Holm's correction over the two.
"""

from collections.abc import Mapping

import numpy as np

from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome
from retrial.statistics import FEWEST_SEEDS, decide_table, order_test


def moves_less(claim: Claim, records: Records) -> Outcome:
    """Batch normalisation: inner layers' inputs move less, and larger learning rates serve.

    In doublings; a difference within ±`doublings` is none that matters. Beside them stands how far
    the gradient of an inner layer moves when the layers below it do (Santurkar et al. 2018).
    """

    def doublings(name: str) -> np.ndarray:
        plain, normalised = (
            records.metric(claim.evidence.arm, f"{name}_{of}") for of in ("plain", "batch_norm")
        )
        return np.log2(plain / normalised)

    compared = {
        "shift of the layers' inputs, plain over normalised": doublings("input_shift"),
        "largest learning rate, normalised over plain": -doublings("largest_rate"),
    }
    beside = doublings("gradient_shift").mean()
    return _both(
        compared,
        float(claim.evidence.threshold("doublings")),
        "doublings",
        f"an inner layer's gradient moves {beside:+.2f} doublings more without normalisation",
    )


def regularises(claim: Claim, records: Records) -> Outcome:
    """Noisy statistics: a smaller gap between test and training loss, and a smaller test loss.

    In nats; a difference within ±`nats` is none that matters. Beside them stand the training loss,
    the lowest test loss on the way, which stopping in time would have given, and the accuracy.
    """

    def less(name: str) -> np.ndarray:
        whole, small = (
            records.metric(claim.evidence.arm, f"{name}_{of}")
            for of in ("whole_set", "small_batch")
        )
        return whole - small

    compared = {
        "gap, whole set less small batches": less("gap"),
        "test loss, whole set less small batches": less("test_loss"),
    }
    return _both(
        compared,
        float(claim.evidence.threshold("nats")),
        "nats",
        f"whole set less small batches: training loss {less('train_loss').mean():+.2f}, "
        f"lowest test loss on the way {less('best_test_loss').mean():+.3f}, "
        f"test accuracy {less('test_accuracy').mean():+.3f}",
    )


def _both(compared: Mapping[str, np.ndarray], delta: float, unit: str, beside: str) -> Outcome:
    """Two orders on paired differences over seeds, each claimed to be above zero.

    Reproduced when both are, contradicted when either is; `measured` is the first.
    """
    fewest = min(len(values) for values in compared.values())
    if fewest < FEWEST_SEEDS:
        return Outcome("inconclusive", None, n=fewest, reason=f"seeds: at least {FEWEST_SEEDS}")
    # No variance over test examples is added: each seed has a test set of its own.
    evidence = [order_test(values, sd_images=0.0, m=2) for values in compared.values()]
    found = decide_table(evidence, [1] * len(evidence), delta)
    verdicts = {one.verdict for one in found}
    verdict = next(v for v in ("contradicted", "inconclusive", "reproduced") if v in verdicts)
    told = "; ".join(
        f"{name}: {one.evidence.mean:+.3g} [{one.evidence.low:+.3g}, {one.evidence.high:+.3g}] "
        f"{unit}, p = {one.p_holm:.2g}" + (f", {one.subreason}" if one.subreason else "")
        for name, one in zip(compared, found, strict=True)
    )
    needed = [one.seeds_needed for one in found if one.seeds_needed is not None]
    open_ = verdict == "inconclusive" and bool(needed)
    first = evidence[0]
    return Outcome(
        verdict,
        first.mean,
        first.low,
        first.high,
        fewest,
        f"{told}; beside it, {beside}; over {fewest} seeds"
        + (f"; {max(needed)} would decide" if open_ else ""),
        seeds_needed=max(needed) if open_ else None,
    )

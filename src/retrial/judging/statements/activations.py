"""Tests of what report 003 lists of activations (exercise 4): benefits and drawbacks that show.

Each listed point that can be measured is a part with a threshold that was fixed before a run; all
parts of a list must hold. What no measurement of ours could tell is named and left out.
"""

from collections.abc import Callable

import numpy as np

from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome
from retrial.judging.statements.compared import of_seeds, shared_seeds
from retrial.judging.statements.gradients import TINY, Part, outcome, within

HALF_A_LAYER = -float(np.log10(2))


def listed(claim: Claim, records: Records) -> Outcome:
    """Does every point of a list show that `points` names, for the activation of `evidence.arm`?

    `evidence.others` are arms that single points read: the same activation at a higher learning
    rate, and other activations. `untested` says what is left out.
    """
    names = str(claim.evidence.threshold("points")).split()
    parts = [part for name in names for part in POINTS[name](claim, records)]
    found = outcome(parts, len(records.of(claim.evidence.arm)))
    untested = str(claim.evidence.threshold("untested"))
    reason = f"{found.reason}; not tested: {untested}"
    return Outcome(found.verdict, None, n=found.n, reason=reason)


def _own(claim: Claim) -> str:
    return claim.evidence.arm.split("/")[0]


def _others(claim: Claim) -> dict[str, str]:
    """The arms of other activations, by activation."""
    arms = {arm.split("/")[0]: arm for arm in claim.evidence.others}
    return {name: arm for name, arm in arms.items() if name != _own(claim)}


def _sparse(claim: Claim, records: Records) -> list[Part]:
    least = float(claim.evidence.threshold("sparse"))
    verdict, text = within(records.metric(claim.evidence.arm, "trained_sparse"), least, np.inf)
    return [(verdict, f"a share of {text} of hidden values is exactly 0 (at least {least:g})")]


def _passes_gradients(claim: Claim, records: Records) -> list[Part]:
    arm, other = claim.evidence.arm, _others(claim)["sigmoid"]
    seeds = shared_seeds(records, (arm, other))
    more = of_seeds(records, arm, "trained_weights_decay", seeds)
    more -= of_seeds(records, other, "trained_weights_decay", seeds)
    verdict, text = within(more, 0.0, np.inf)
    return [(verdict, f"gradients keep {text} decades a layer more than the sigmoid's")]


def _vanishes(claim: Claim, records: Records) -> list[Part]:
    found = {
        when: within(
            records.metric(claim.evidence.arm, f"{when}_weights_decay"), -np.inf, HALF_A_LAYER
        )
        for when in ("untrained", "trained")
    }
    verdicts = {verdict for verdict, _ in found.values()}
    # "During training": both ends of it would have to fail.
    verdict = "inconclusive" if len(verdicts) > 1 else verdicts.pop()
    told = " and ".join(f"{text} decades a layer {when}" for when, (_, text) in found.items())
    return [(verdict, f"gradients change by {told} (at most half a layer)")]


def _counts(claim: Claim, records: Records) -> tuple[dict[str, tuple[float, float]], str]:
    """Passes and transcendental functions of a call by activation, and in words."""
    arms = {_own(claim): claim.evidence.arm, **_others(claim)}
    counts = {
        name: (
            float(records.metric(arm, "passes")[0]),
            float(records.metric(arm, "transcendental")[0]),
        )
        for name, arm in arms.items()
    }
    told = ", ".join(
        f"{name} {passes:.0f} ({heavy:.0f} transcendental)"
        for name, (passes, heavy) in counts.items()
    )
    return counts, f"operations a value of a call, both ways: {told}"


def _cheap(claim: Claim, records: Records) -> list[Part]:
    counts, told = _counts(claim, records)
    passes, heavy = counts.pop(_own(claim))
    holds = heavy == 0 and all(passes <= one[0] and one[1] > 0 for one in counts.values())
    return [("reproduced" if holds else "contradicted", told)]


def _expensive(claim: Claim, records: Records) -> list[Part]:
    counts, told = _counts(claim, records)
    passes, heavy = counts.pop(_own(claim))
    holds = heavy > 0 and passes > counts["relu"][0]
    return [("reproduced" if holds else "contradicted", told)]


def _dies(claim: Claim, records: Records) -> list[Part]:
    """That units can die: one network in which some did shows it, and none refutes it."""
    arms = [arm for arm in claim.evidence.arms if arm.split("/")[0] == _own(claim)]
    shows, found = False, []
    for arm in arms:
        # A network of nan has nothing but dead units, which says nothing of the activation.
        kept = np.array([trial["status"] == "ok" for trial in records.of(arm)])
        more = records.metric(arm, "trained_dead") - records.metric(arm, "untrained_dead")
        # Shares that are equal may differ in their last bits.
        died = int((more[kept] > TINY).sum())
        shows |= died > 0
        found.append(
            f"in {died} of {len(kept)} networks at {arm.split('/')[1]} times the learning rate"
        )
    verdict = "reproduced" if shows else "inconclusive"
    return [(verdict, f"training leaves more units dead {', '.join(found)}")]


def _unbounded(claim: Claim, records: Records) -> list[Part]:
    verdict, text = within(records.metric(claim.evidence.arm, "trained_highest"), 1.0, np.inf)
    return [(verdict, f"highest hidden value {text} (above 1, where sigmoid and tanh end)")]


def _in_unit_range(claim: Claim, records: Records) -> list[Part]:
    arm = claim.evidence.arm
    low = float(records.metric(arm, "trained_lowest").min())
    high = float(records.metric(arm, "trained_highest").max())
    verdict = "reproduced" if low >= 0 and high <= 1 else "contradicted"
    return [(verdict, f"hidden values lie in [{low:.3g}, {high:.3g}]")]


def _not_centred(claim: Claim, records: Records) -> list[Part]:
    least = float(claim.evidence.threshold("off_centre"))
    verdict, text = within(records.metric(claim.evidence.arm, "trained_mean"), least, np.inf)
    return [(verdict, f"mean hidden value {text} (at least {least:g} from 0)")]


def _saturates(claim: Claim, records: Records) -> list[Part]:
    """That values saturate: a measured share shows it, and none refutes what a function does."""
    values = records.metric(claim.evidence.arm, "trained_saturated")
    verdict, text = within(values, TINY, np.inf)
    verdict = "inconclusive" if verdict == "contradicted" else verdict
    return [(verdict, f"a share of {text} of hidden values is saturated")]


POINTS: dict[str, Callable[[Claim, Records], list[Part]]] = {
    "sparse": _sparse,
    "passes_gradients": _passes_gradients,
    "cheap": _cheap,
    "dies": _dies,
    "unbounded": _unbounded,
    "unit_range": _in_unit_range,
    "vanishes": _vanishes,
    "not_centred": _not_centred,
    "expensive": _expensive,
    "saturates": _saturates,
}

"""The recorded readings of sentences: the claim's own test, on other arms than the judged ones."""

from collections.abc import Callable, Iterable, Mapping

from retrial.core.records import Records
from retrial.judging import choose_depth
from retrial.judging.ledger import Claim
from retrial.judging.lines import agrees
from retrial.judging.sensitivity import STATES, Reading, State
from retrial.judging.statements import TESTS
from retrial.judging.statements.compared import decide_each, over_seeds, shared_seeds
from retrial.judging.statements.gradients import read_as
from retrial.judging.statements.handwriting import STAND_INS, each_stand_in
from retrial.judging.statements.worked import value_of
from retrial.statistics import FEWEST_SEEDS_ORDER, exact, parse_printed
from retrial.statistics.printed import shortest_rational

# No difference of a measure is too small to matter: only its sign is asked.
LEAST = 1e-12

Readings = Callable[[Claim, Records, Records | None], list[Reading]]


def recorded(records: Records, arms: Iterable[str]) -> bool:
    """Whether all of some arms were run, and whole."""
    known = set(records.arms())
    return all(arm in known and all(trial["whole"] for trial in records.of(arm)) for arm in arms)


def _restated(
    claim: Claim, records: Records, levels: Mapping[str, str], judged: bool = False
) -> list[Reading]:
    """The reading of a sentence by its own test; none where an arm was not run whole."""
    arms = claim.evidence.arms
    if not recorded(records, arms):
        return []
    test = TESTS[claim.evidence.test or ""]
    # A test that looks at other readings itself is asked for this one only.
    found = getattr(test, "__wrapped__", test)(claim, records)
    n = min(len(records.of(arm)) for arm in arms)
    state = STATES.get(found.verdict, "open")
    arm = claim.evidence.arm
    return [Reading(records.study, arm, levels, n, None, None, state, state == "holds", judged)]


def _on(claim: Claim, **changes: object) -> Claim:
    return claim.model_copy(update={"evidence": claim.evidence.model_copy(update=changes)})


def _gradients(claim: Claim, records: Records, search: Records | None) -> list[Reading]:
    """Report 004 1 C: another optimiser, and other initial weights."""
    named = str(claim.evidence.thresholds.get("readings", "")).split()
    own = claim.evidence.arm.split("/")[:2]
    if not named or len(own) < 2 or not recorded(records, [claim.evidence.arm]):
        return []
    start = records.of(claim.evidence.arm)[0]["config"].get("initialiser", "the judged one")
    found = _restated(claim, records, {"the optimiser": own[1], "the initialiser": start}, True)
    for name in named:
        kind, level = name.split("/")
        levels = {"the optimiser": own[1], "the initialiser": start}
        levels["the optimiser" if kind == "gradients" else "the initialiser"] = level
        found += _restated(read_as(claim, name), records, levels)
    return found


def _of_table(claim: Claim, records: Records, search: Records | None) -> list[Reading]:
    """Report 004 1 B: candidates that the search trained at every depth, with one seed each."""
    if search is None or "optimiser" not in _config(records, claim.evidence.arm):
        return []
    own = choose_depth.levels(_config(records, claim.evidence.arm))
    found = _restated(claim, records, own, True)
    for arm, config, holds in choose_depth.of_sentence(claim, search):
        n = len(search.of(arm))
        levels = choose_depth.levels(config)
        found.append(Reading(search.study, arm, levels, n, None, None, "open", holds))
    return found


def _config(records: Records, arm: str) -> Mapping[str, object]:
    if arm not in records.arms():
        return {}
    config: Mapping[str, object] = records.of(arm)[0]["config"]
    return config


def _better(claim: Claim, records: Records, search: Records | None) -> list[Reading]:
    """Report 003, exercise 2: what "better" may mean, besides a higher test accuracy.

    Lower is better in all others; Holm over them.
    """
    arms = claim.evidence.arm, claim.evidence.rival()
    measures = {
        "epochs_to_90": "fewer epochs to nine tenths of the last test accuracy",
        "test_nll": "a lower log loss", "test_brier": "a lower Brier score",
        "test_ece": "a lower calibration error",
    }  # fmt: skip
    what = "what better means"
    found = _restated(claim, records, {what: "a higher test accuracy"}, True)
    if not found:
        return []
    known = [
        name for name in measures
        if all(
            name in trial["metrics"] and trial["metrics"][name]["value"] is not None
            for arm in arms for trial in records.of(arm)
        )
    ]  # fmt: skip
    seeds = shared_seeds(records, arms)
    if len(seeds) < FEWEST_SEEDS_ORDER or not known:
        return found
    evidence = [over_seeds(records, seeds, name, arms[1], arms[0]) for name in known]
    decided = decide_each(evidence, [LEAST] * len(known))
    for name, one in zip(known, decided, strict=True):
        state = STATES[one.verdict]
        levels = {what: measures[name]}
        found.append(
            Reading(records.study, arms[0], levels, len(seeds), None, None, state, state == "holds")
        )
    return found


def _invariance(claim: Claim, records: Records, search: Records | None) -> list[Reading]:
    """Report 000, section 3: how the digit is moved, how LeNet pools and how long it is trained.

    A LeNet without its fully connected layers is none, so that arm is no reading.
    """
    arm, rival = claim.evidence.arm, claim.evidence.rival()
    epochs = _config(records, arm).get("epochs")
    if epochs is None:
        return []
    names = ("the frame", "the pooling", "the length of training")
    usual = dict(zip(names, ("a larger canvas", "averages", f"{epochs:g} epochs"), strict=True))
    found = _restated(claim, records, usual, True)
    found += _restated(
        _on(claim, arm=f"{arm}/clipped", against=f"{rival}/clipped"),
        records,
        usual | {names[0]: "cut off at the edge"},
    )
    found += _restated(
        _on(claim, arm=f"{arm}/blurpool"), records, usual | {names[1]: "blurred averages"}
    )
    found += _restated(
        _on(claim, arm=f"{arm}/matched"),
        records,
        usual | {names[2]: "until as accurate as the perceptron"},
    )
    return found


def _stand_ins(claim: Claim, records: Records, search: Records | None) -> list[Reading]:
    """Report 004, exercise 3: either stand-in alone, and the larger network for the small one."""
    evidence = claim.evidence
    arms = evidence.arm, evidence.rival()
    small = {"the stand-in": "both", "the network": "small"}
    found = _restated(claim, records, small, True)
    if not found:
        return []
    seeds = shared_seeds(records, arms)
    for title, one in zip(STAND_INS, each_stand_in(claim, records), strict=True):
        state = STATES[one.verdict]
        levels = small | {"the stand-in": title}
        found.append(
            Reading(records.study, arms[0], levels, len(seeds), None, None, state, state == "holds")
        )
    if all("/" not in arm for arm in arms):
        larger = _on(claim, arm=f"large/{arms[0]}", against=f"large/{arms[1]}")
        found += _restated(larger, records, small | {"the network": "large"})
    return found


def _each_arm(claim: Claim, records: Records, search: Records | None) -> list[Reading]:
    """A number without chance whose protocol is open in several places: one arm a reading."""
    printed, metric = parse_printed(claim.printed), claim.evidence.metric or ""
    found = []
    for arm in claim.evidence.arms:
        if recorded(records, [arm]):
            value = float(records.metric(arm, metric)[0])
            same = exact(shortest_rational(value), printed).matches
            fit, scale = arm.split("/")
            levels = {"the pixel scale": scale, "how far the fit is run": fit}
            distance = (value - float(printed.value)) / (10 * float(printed.half_unit))
            found.append(
                Reading(
                    records.study, arm, levels, 1, value, distance, "holds" if same else "breaks",
                    same, arm == claim.evidence.arm,
                )
            )  # fmt: skip
    return found


def _worked(claim: Claim, records: Records, search: Records | None) -> list[Reading]:
    """A number worked out: each reading of the exercise that its sheet has."""
    metric, found = claim.evidence.metric or "", []
    if not claim.evidence.others:
        return []
    for arm in claim.evidence.arms:
        if recorded(records, [arm]):
            same = agrees(value_of(records, arm, metric), claim.printed)
            levels = {"the reading of the exercise": arm.split("/")[-1]}
            state: State = "holds" if same else "breaks"
            judged = arm == claim.evidence.arm
            found.append(Reading(records.study, arm, levels, 1, None, None, state, same, judged))
    return found


SENTENCES: Mapping[str, Readings] = {
    "vanishes_within": _gradients,
    "small_not_vanishing": _gradients,
    "steady": _gradients,
    "biases_alike": _gradients,
    "smaller_gradients": _gradients,
    "best_where_shallow": _of_table,
    "fails_to_generalise": _of_table,
    "better_when_tuned": _better,
    "invariant": _invariance,
    "better_on_stand_ins": _stand_ins,
    "readings": _each_arm,
    "worked_number": _worked,
}

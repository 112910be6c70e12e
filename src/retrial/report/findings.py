"""The findings of the first page: what would change how the reports are read.

A finding is shown as one only while its claims have the verdicts that it rests on; otherwise the
report says what they have instead. Its numbers are read from verdict rows, never typed.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retrial.judging.verdicts import heads
from retrial.report.numbers import claimed, counted, find, link, shown
from retrial.report.tables import chapter, printed

Row = Mapping[str, Any]
Rows = Sequence[Row]

# Verdicts by which a printed line does not stand.
WRONG = ("contradicted", "explained", "impossible")
MEAN_OVER_CLASSES = "mean_over_classes"
LOG_SOFTMAX = "log_softmax_of_one_output"

LOSS, OTHER_LOSS = "002-B-tanh-random-trloss", "002-B-sigmoid-zero-trloss"
ACCURACY = "002-B-tanh-random-tracc"
SUM, HIDDEN, WEIGHTS = "003-6-z1", "003-6-h1", tuple(f"003-6-w{i}" for i in range(1, 9))
TITANIC = ("001-P3-l1-loss", "001-P3-l1-acc", "001-P3-mse-loss", "001-P3-mse-acc")
DROPOUT, BATCH = "001-P2-dropout-test", "002-C3-batch"
DEEPER, PREVENTS = "001-P2-overfit-reason", "001-P2-dropout-role"
INVARIANT, SMALL = "000-3C-concl", "004-1C-relu40"


@dataclass(frozen=True)
class Finding:
    """A finding: its title, and the same as what is asked while it is not shown.

    `families` are those of its chapters, `claims` the ids that it names; `holds` says of the
    verdict rows whether they bear it out, `told` tells it in Markdown. Both may rely on every id
    of `claims` being among the rows.
    """

    title: str
    question: str
    families: tuple[str, ...]
    claims: tuple[str, ...]
    holds: Callable[[Rows], bool]
    told: Callable[[Rows], str]


def paragraph(finding: Finding, rows: Rows) -> str:
    """A finding as a paragraph of Markdown: told where `rows` bear it out, else what they say."""
    there = {row["id"] for row in rows}
    missing = [name for name in finding.claims if name not in there]
    if missing:
        return f"**{finding.question}** It is not among the families of this report."
    if finding.holds(rows):
        claims = ", ".join(f"[{name}](#{name})" for name in finding.claims)
        return f"**{finding.title}** {finding.told(rows)} Claims: {claims}; {_chapters(finding)}."
    have = ", ".join(f"[{name}](#{name}) is *{_verdict(rows, name)}*" for name in finding.claims)
    profile = find(rows, finding.claims[0])["profile"]
    return (
        f"**{finding.question}** The profile *{profile}* does not show it: {have}; "
        f"{_chapters(finding)}."
    )


def _chapters(finding: Finding) -> str:
    links = ", ".join(chapter(family) for family in finding.families)
    return f"chapter{'s' if len(finding.families) > 1 else ''}: {links}"


def _verdict(rows: Rows, name: str) -> str:
    return str(find(rows, name)["verdict"])


def _all(rows: Rows, names: Sequence[str], *verdicts: str) -> bool:
    return all(_verdict(rows, name) in verdicts for name in names)


def _number(rows: Rows, name: str, form: str) -> str:
    """A claim's measured value in its own `form`, as a link to the claim."""
    row = find(rows, name)
    title = f"measured of {name}; {row['where']}; stage {row['stage']}"
    return link(shown(row["measured"], form), name, f"{title}; n = {row['n']}")


def _interval(rows: Rows, name: str, form: str) -> str:
    row = find(rows, name)
    text = f"[{shown(row['low'], form)}, {shown(row['high'], form)}]"
    return link(text, name, f"interval of {name}; stage {row['stage']}")


def _report(rows: Rows, name: str) -> str:
    return f"report {find(rows, name)['report']}"


def _printed(rows: Rows, name: str) -> str:
    row = find(rows, name)
    return link(printed(row), name, f"printed of {name}; {row['where']}")


def too_low(rows: Rows) -> list[Row]:
    """The losses of the scratch networks' table that their accuracies rule out."""
    return [row for row in _losses(rows) if row["verdict"] == "impossible"]


def _losses(rows: Rows) -> list[Row]:
    return [
        row
        for row in rows
        if row["family"] == "scratch_grid"
        and row["kind"] == "value"
        and str(row["evidence"]["metric"]).endswith("loss")
    ]


def _least(reason: str) -> str:
    """The bound that a possibility check names in its reason."""
    found = re.search(r"at least ([\d.]+) needed", reason)
    return found[1] if found else "a bound"


def _losses_told(rows: Rows) -> str:
    low = too_low(rows)
    averaged = [row["id"] for row in low if row["fault"] == MEAN_OVER_CLASSES]
    bound = _least(find(rows, LOSS)["reason"])
    text = (
        f"Report {find(rows, LOSS)['report']} prints a cross-entropy of {claimed(rows, LOSS)} "
        f"beside an accuracy of {claimed(rows, ACCURACY)}%, which leaves it no less than "
        f"{link(bound, LOSS, f'reason of {LOSS}')}. So it is with "
        f"{counted(len(low), 'losses that are impossible: ' + ' '.join(r['id'] for r in low))} of "
        f"the {counted(len(_losses(rows)), 'printed losses of the table')} losses of its table"
    )
    if not averaged:
        return f"{text}."
    of = counted(len(averaged), f"fault {MEAN_OVER_CLASSES}: {' '.join(averaged)}")
    return f"{text}; {of} of them come out when the mean is taken over the classes as well."


def _by_hand(rows: Rows) -> list[Row]:
    return [row for row in rows if row["id"].startswith("003-6-")]


def _by_hand_told(rows: Rows) -> str:
    lines = _by_hand(rows)
    stand = [row["id"] for row in lines if row["verdict"] == "reproduced"]
    return (
        f"Report {find(rows, SUM)['report']} leaves a product out of its first weighted sum "
        f"({_printed(rows, SUM)}, right {_number(rows, SUM, '.4g')}) and loses the sign of the "
        f"exponent after it, so that a hidden unit that is off ({_number(rows, HIDDEN, '.1g')}) is "
        f"carried on as one that is on ({claimed(rows, HIDDEN)}). None of its "
        f"{counted(len(WEIGHTS), 'updated weights: ' + ' '.join(WEIGHTS))} updated weights is "
        f"right; of its {counted(len(lines), 'printed lines, 003-6-…')} lines "
        f"{counted(len(stand), 'reproduced: ' + ' '.join(stand))} stand."
    )


def _titanic_told(rows: Rows) -> str:
    return (
        f"Two losses of {_report(rows, TITANIC[0])} end in one validation loss, "
        f"{claimed(rows, TITANIC[0])}, and one accuracy, {claimed(rows, TITANIC[1])}%; over "
        f"{claimed(rows, TITANIC[0], 'n')} splits the networks reach "
        f"{_number(rows, TITANIC[1], '.1f')}% and {_number(rows, TITANIC[3], '.1f')}%. The printed "
        "pair comes out when the log-softmax of a single output is taken, which is zero whatever "
        "the network has learnt: it tells only how many passengers of the split survived."
    )


def lotteries(rows: Rows) -> list[Row]:
    """The claims, curves once, whose print is one draw of a wide distribution."""
    # What stands in brackets is said of another reading of the claim.
    return [
        row
        for row in heads(rows)
        if row["verdict"] == "inconclusive"
        and "lottery:" in re.sub(r"\([^()]*\)", "", row["reason"])
    ]


def _lotteries_told(rows: Rows) -> str:
    drawn = lotteries(rows)
    return (
        f"{counted(len(drawn), 'lotteries: ' + ' '.join(row['id'] for row in drawn))} printed "
        "results are one draw of a distribution so wide that another seed prints another: the "
        f"accuracy with dropout of {_report(rows, DROPOUT)}, {claimed(rows, DROPOUT)}, is on "
        f"average {_number(rows, DROPOUT, '.2f')} {_interval(rows, DROPOUT, '.2f')}. Of "
        f"{claimed(rows, BATCH, 'n')} searches like that of {_report(rows, BATCH)} most end at a "
        f"batch of {_number(rows, BATCH, '.0f')}, not at the printed {claimed(rows, BATCH)}."
    )


def turned(rows: Rows) -> list[str]:
    """Of the conclusions that the finding names, those that are contradicted."""
    return [
        name
        for name in (DEEPER, PREVENTS, INVARIANT, SMALL)
        if _verdict(rows, name) == "contradicted"
    ]


def _conclusions_told(rows: Rows) -> str:
    clauses = {
        DEEPER: f"the network that {_report(rows, DEEPER)} says to overfit is "
        f"{_number(rows, DEEPER, '.3f')} better on test images than the small one",
        PREVENTS: "the dropout that is to prevent it costs "
        f"{_cost(rows, PREVENTS)} of test accuracy",
        INVARIANT: f"the network that {_report(rows, INVARIANT)} calls invariant to shifts keeps "
        f"its answer for a share of {_number(rows, INVARIANT, '.2f')} of shifted images",
        SMALL: f"the fall that {_report(rows, SMALL)} calls small is, in its own table, one from "
        f"{_threshold(rows, SMALL, 'before')} to {_threshold(rows, SMALL, 'after')}",
    }
    kept = [clauses[name] for name in turned(rows)]
    told = f"{'; '.join(kept)}."
    return told[0].upper() + told[1:]


def _cost(rows: Rows, name: str) -> str:
    row = find(rows, name)
    return link(shown(-row["measured"], ".2f"), name, f"minus measured of {name}")


def _threshold(rows: Rows, name: str, key: str) -> str:
    value = find(rows, name)["evidence"]["thresholds"][key]
    return link(shown(value, ""), name, f"threshold {key} of {name}")


FINDINGS = (
    Finding(
        "Losses that the accuracies beside them rule out.",
        "Do the printed losses of the scratch networks go with their accuracies?",
        ("scratch_grid",),
        (LOSS, OTHER_LOSS),
        lambda rows: _all(rows, (LOSS, OTHER_LOSS), "impossible"),
        _losses_told,
    ),
    Finding(
        "A backward pass worked by hand that starts from a wrong sum.",
        "Do the lines of the backward pass by hand stand?",
        ("worked",),
        (SUM, HIDDEN, WEIGHTS[0]),
        lambda rows: (
            _all(rows, (SUM,), "explained")
            and {row["id"] for row in _by_hand(rows)} >= set(WEIGHTS)
            and _all(rows, (HIDDEN, *WEIGHTS), *WRONG)
        ),
        _by_hand_told,
    ),
    Finding(
        "A loss and an accuracy that no network gave.",
        "Did the networks on the Titanic give the printed loss and accuracy?",
        ("titanic_losses",),
        TITANIC,
        lambda rows: all(
            find(rows, name)["verdict"] == "explained" and find(rows, name)["fault"] == LOG_SOFTMAX
            for name in TITANIC
        ),
        _titanic_told,
    ),
    Finding(
        "Single draws, printed as results.",
        "Which printed results are single draws of a wide distribution?",
        ("mse_mlp", "library_grid"),
        (DROPOUT, BATCH),
        lambda rows: {DROPOUT, BATCH} <= {row["id"] for row in lotteries(rows)},
        _lotteries_told,
    ),
    Finding(
        "Conclusions that their own experiments turn around.",
        "Do the experiments bear out what is concluded from them?",
        ("mse_mlp", "shift", "depth"),
        (DEEPER, PREVENTS, INVARIANT, SMALL),
        lambda rows: len(turned(rows)) > len((DEEPER, PREVENTS)),
        _conclusions_told,
    ),
)

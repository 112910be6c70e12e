"""The commands of `retrial` that check: published results, bytes, quotes, anybody's table."""

from collections.abc import Iterable
from pathlib import Path

import click

from retrial.core.errors import RetrialError
from retrial.project import EXISTING, in_project


@click.command()
@click.option(
    "--sample", type=click.IntRange(min=0), default=2, show_default=True,
    help="Trials of each study to run again.",
)  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="Draws another sample.")
@in_project
def verify(sample: int, seed: int) -> None:
    """Check published results, and run some trials again.

    Every file's hash is compared; every verdict is judged again from its published records; the
    code of each study must be what it was, and each margin older than the records it judges. A
    sample of trials is run again in a fresh process, without the trial store and the DVC cache,
    and must come out byte for byte; where qemu-user is installed, on an emulated CPU as well.
    """
    from retrial.tools import verify as verifier
    from retrial.tools.places import PUBLISHED

    checks: list[Iterable[verifier.Check]] = []
    if PUBLISHED.exists():
        checks.append(verifier.published(Path()))
    else:
        click.echo("Nothing is published yet; trials of the last run are checked.")
    if sample:
        checks.append(verifier.trials(Path(), sample, seed))
    wrong = total = 0
    for check in (one for group in checks for one in group):
        total += not check.note
        wrong += bool(check.wrong)
        state = "WRONG" if check.wrong else "note " if check.note else "ok   "
        why = check.wrong or check.note
        click.echo(f"{state} {check.what}{': ' if why else ''}{why}")
    if not total:
        raise RetrialError("nothing was checked; publish a run, or ask for a --sample of trials")
    if wrong:
        raise RetrialError(f"{wrong} of {total} checks went wrong")
    click.echo(f"All {total} checks hold.")


@click.command("same-bytes")
@click.option("--study", "studies", multiple=True, help="Only this study; may be repeated.")
@click.option(
    "--sample", type=click.IntRange(min=1), default=4, show_default=True,
    help="Trials of each study, at most.",
)  # fmt: skip
@click.option(
    "--seconds", type=click.FloatRange(min=0), default=25.0, show_default=True,
    help="What the trials of a study may take together; a study that takes longer is skipped.",
)  # fmt: skip
@click.option(
    "--emulated", type=click.FloatRange(min=0), default=5.0, show_default=True,
    help="What those of them may take, without emulation, that an emulated CPU runs.",
)  # fmt: skip
@click.option("--condition", "conditions", multiple=True, help="Only this one; may be repeated.")
@click.option("--record", is_flag=True, help="Note what differs, for the limits in the report.")
@in_project
def same_bytes(
    studies: tuple[str, ...], sample: int, seconds: float, emulated: float,
    conditions: tuple[str, ...], record: bool,
) -> None:  # fmt: skip
    """Run trials of every study under other conditions.

    They must leave the same bytes: with 1, 2 and 4 workers, under another hash seed of Python,
    and, where qemu-user is installed, on an emulated Haswell and EPYC. docs/same_bytes.md
    says how.
    """
    from retrial.report.same_bytes import recorded
    from retrial.tools import same_bytes as tool

    known, under = recorded(), tool.conditions(conditions)
    with tool.samples(Path(), sample, seconds, studies) as found:
        table = tool.compared(found, under, emulated, click.echo)
    for line in tool.lines(found, table, under):
        click.echo(line)
    if record:
        tool.record(table)
        known = recorded()
    if not tool.ran(table.values()):
        raise RetrialError("no trial was run; allow more --seconds, or run `make study` first")
    if wrong := tool.unexpected(table, known):
        raise RetrialError(f"other bytes, or none: {', '.join(wrong)}")


@click.command()
@click.option(
    "--reports", required=True, type=EXISTING, help="Folder with the reports' texts, <report>*.txt."
)
@in_project
def quotes(reports: Path) -> None:
    """Check that every quote stands in its report's text."""
    from retrial.judging.ledger import load_claims
    from retrial.tools import quotes as checker

    claims = load_claims()
    missing = checker.check(claims, checker.read_reports(reports))
    for one in missing:
        click.echo(f"{one.claim}: not in report {one.report}: “{one.part}”")
    if missing:
        raise RetrialError(f"{len(missing)} of {len(claims)} quotes were not found")
    click.echo(f"All {len(claims)} quotes stand in their reports.")


@click.command()
@click.argument("table", metavar="FILE.csv", type=EXISTING)
def check(table: Path) -> None:
    """Check anybody's table for numbers that cannot be.

    Needs no data and no compute.

    \b
    FILE.csv has the columns id, kind, value, and where a kind needs them n, group, bound:
      id,kind,value,n,group,bound
      test,accuracy,0.8709,10000,,        must be some j/10000
      loss,cross_entropy,0.31,,,          must not lie below its bound (0)
    Kinds: accuracy, loss, cross_entropy, count, total, percentage, minimum, mean, maximum.
    """
    from retrial.judging.possibility import check_csv

    findings = check_csv(table)
    for one in findings:
        click.echo(f"{'possible  ' if one.ok else 'IMPOSSIBLE'} {one.subject}: {one.message}")
    wrong = sum(not one.ok for one in findings)
    if wrong:
        raise RetrialError(f"{table.name}: {wrong} of {len(findings)} checks failed")
    click.echo(f"{table.name}: all {len(findings)} checks hold.")


COMMANDS = (verify, same_bytes, quotes, check)

"""The `retrial` command: thin, each subcommand's work stands in a module of its own.

Modules are imported where they are used, so that `--help` answers at once.
"""

import os
from pathlib import Path

import click

from retrial.checks import COMMANDS
from retrial.core.errors import DEBUG_VARIABLE, RetrialError, reported
from retrial.project import ANY, in_project

VERDICTS = ("reproduced", "contradicted", "explained", "impossible", "inconclusive", "untestable")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="retrial", prog_name="retrial")
def cli(debug: bool) -> None:
    """Put printed machine-learning results on trial again.

    Retrial re-runs the experiments of some reports from pinned data, over many seeds, and gives
    each printed number and sentence (a "claim") a verdict. `make study` does it all; the
    commands here look at what came out, run parts of it, and check it.

    \b
    First steps:
      retrial verdicts                 what came out, with the published verdicts beside it
      retrial show 000-6.2-linear      one claim: its quote, numbers and reason
      retrial diff                     after you changed params.yaml and ran `dvc repro`
    """
    if debug:
        os.environ[DEBUG_VARIABLE] = "1"


@cli.command()
@click.option("--family", help="Only claims of this family of experiments.")
@click.option("--verdict", type=click.Choice(VERDICTS), help="Only claims with this verdict.")
@in_project
def verdicts(family: str | None, verdict: str | None) -> None:
    """List the verdicts of the last run beside the published ones."""
    from retrial.judging.ledger import TOTAL
    from retrial.report.card import short
    from retrial.tools.listing import columns, counts, fitted_on, verdict_tables

    rows, published = verdict_tables()
    chosen = [
        row
        for row in (rows or published).values()
        if family in (None, row["family"]) and verdict in (None, row["verdict"])
    ]
    if not chosen:
        families = ", ".join(sorted({row["family"] for row in (rows or published).values()}))
        raise RetrialError(f"no such verdict; there are the families {families}")
    head = ("claim", "verdict", "published", "printed", "measured", "interval", "n")
    lines = [
        (
            row["id"],
            row["verdict"] if rows else "–",
            published.get(row["id"], {}).get("verdict", "–"),
            row["printed"] or "–",
            short(row["measured"]),
            f"{short(row['low'])} … {short(row['high'])}" if row["low"] or row["high"] else "–",
            row["n"] or "–",
        )
        for row in chosen
    ]
    for line in columns([head, *lines]):
        click.echo(line)
    profiles = ", ".join(sorted({row["profile"] for row in chosen}))
    click.echo(
        f"{len(chosen)} of {TOTAL} claims, profile {profiles}: {counts(chosen, fitted_on(rows))}"
    )
    if not rows:
        click.echo("Nothing was run here yet: these are the published verdicts. Try `make study`.")


@cli.command()
@click.argument("claim_id")
@in_project
def show(claim_id: str) -> None:
    """Show one claim: quote, numbers, verdict, reason, records."""
    from retrial.judging.ledger import find, load_claims
    from retrial.judging.verdicts import VERDICTS as FOLDER
    from retrial.judging.verdicts import read_rows
    from retrial.report.card import card
    from retrial.tools.listing import verdict_tables

    claim = find(load_claims(), claim_id)
    path = FOLDER / f"{claim.family}.json"
    rows = read_rows(path) if path.exists() else []
    row = next((row for row in rows if row["id"] == claim_id), None)
    _, published = verdict_tables(needed=False)
    for label, text in card(claim, row, published.get(claim_id, {}).get("verdict", "–")):
        click.echo(f"{label:<10} {text}")


@cli.command()
@click.argument("claim_id")
@click.pass_context
@in_project
def run(context: click.Context, claim_id: str) -> None:
    """Run only the stages that one claim needs, then show it."""
    from retrial.judging.ledger import find, load_claims
    from retrial.tools.pipeline import run_family

    run_family(find(load_claims(), claim_id).family)
    context.invoke(show, claim_id=claim_id)


@cli.command()
@click.argument("profile", required=False)
@in_project
def study(profile: str | None) -> None:
    """Run the whole study under PROFILE.

    PROFILE is smoke, quick or paper; by default the one in params.yaml.
    """
    from retrial.core.config import profile_name
    from retrial.tools import pipeline
    from retrial.tools.track import after_study

    chosen = profile or profile_name()
    print_plan(chosen)
    pipeline.run_profile(chosen)
    after_study(Path())
    click.get_current_context().invoke(verdicts, family=None, verdict=None)
    for line in pipeline.lock_report():
        click.echo(line)
    for path in (Path("reports/report.html"), Path("reports/report.pdf")):
        if path.exists():
            click.echo(f"report: {path}")


@cli.command("lock-report")
@in_project
def lock_report() -> None:
    """Say which stages have the bytes of the committed dvc.lock."""
    from retrial.tools import pipeline

    for line in pipeline.lock_report():
        click.echo(line)


@cli.command()
@click.argument("revision", metavar="[REV]", default="HEAD")
@in_project
def diff(revision: str) -> None:
    """Say which verdicts moved since another run, and why.

    REV is a git revision (HEAD by default), or "published" for the published paper run.
    """
    from retrial.tools import diff as differ

    for line in differ.lines(differ.difference(differ.there(revision), differ.here())):
        click.echo(line)


@cli.command()
@click.argument("profile", required=False)
@click.option(
    "--cores",
    type=click.IntRange(min=1),
    help="Workers to plan for; by default those of params.yaml.",
)
@in_project
def plan(profile: str | None, cores: int | None) -> None:
    """Say how long PROFILE takes, how much memory and disk."""
    from retrial.core.config import profile_name

    print_plan(profile or profile_name(), cores)


def print_plan(profile: str, cores: int | None = None) -> None:
    """Print the plan of a profile on some cores, by default as many as a study uses here."""
    from retrial.tools import plan as planner

    cores = cores or planner.workers()
    for line in planner.lines(profile, planner.plan(profile, cores), cores, Path()):
        click.echo(line)


@cli.command()
@in_project
def track() -> None:
    """Bring MLflow up to date with all records.

    Running it again adds nothing. The runs go to mlflow.db in the project, or to the server that
    MLFLOW_TRACKING_URI names.
    """
    from retrial.tools import track as tracker

    done = tracker.track(Path())
    for one in done:
        click.echo(f"{one.folder}: {one.trials} trials, {one.added} new in MLflow")
    if not done:
        raise RetrialError("data/results: no records, run `make study` first")


@cli.command()
@click.argument("records", required=False, type=ANY)
@click.option(
    "--family", default="scratch_grid", show_default=True,
    help="The family whose open choices were searched for.",
)  # fmt: skip
@in_project
def choose(records: Path | None, family: str) -> None:
    """Show what a family's recorded search chooses.

    RECORDS is the folder of the search's records, by default the last run's. params.yaml must hold
    the first line's choice; the others say how well the report pins each parameter.
    """
    from retrial.core.partitioned import load_records
    from retrial.judging.choose import runners_up
    from retrial.judging.ledger import load_claims, of_family
    from retrial.judging.searches import SEARCHES
    from retrial.judging.verdicts import RESULTS

    if family not in SEARCHES:
        known = ", ".join(sorted(SEARCHES))
        raise RetrialError(f"--family = {family!r}: nothing was searched for, expected of {known}")
    search = SEARCHES[family]
    folder = records or RESULTS / search.study
    choices = search.readings(of_family(load_claims(), family), load_records(folder))
    if not choices:
        raise RetrialError(f"{folder}: no candidate, the search runs in the paper profile only")
    click.echo(f"best{'':20} {choices[0]}")
    for name, other in runners_up(choices).items():
        click.echo(f"best of another {name:13}: {other}")


@cli.command()
@click.option("--family", "families", multiple=True, help="Only this family; may be repeated.")
@click.option(
    "--measure", type=click.FloatRange(min=0), metavar="SECONDS",
    help="Copy nothing; run the costliest published trial of at most SECONDS of each study whose "
    "memory is not known, and note that.",
)  # fmt: skip
@in_project
def publish(families: tuple[str, ...], measure: float | None) -> None:
    """Copy paper-profile results to reports/published/."""
    from retrial.tools.manifest import changed_studies
    from retrial.tools.measure import measure as measured
    from retrial.tools.places import PUBLISHED
    from retrial.tools.publish import publish as copy

    if measure is not None:
        for line in measured(measure):
            click.echo(line)
        return
    for path in copy(families):
        click.echo(path)
    for study in changed_studies(PUBLISHED):
        click.echo(f"note: the code of {study} has changed since it was published, run it again")


@cli.command()
@click.option("--family", help="Only claims of this family of experiments.")
@click.option("--report", help="Only claims of this report, such as 003.")
@click.option(
    "--count", type=click.IntRange(min=1), default=12, show_default=True,
    help="Claims on the sheet, at most.",
)  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="Draws another sheet.")
@click.option(
    "--out", type=ANY, default="worksheet.html", show_default=True, help="The file to write."
)
@in_project
def worksheet(family: str | None, report: str | None, count: int, seed: int, out: Path) -> None:
    """Write a sheet on which a class predicts verdicts.

    Each claim stands with its protocol, its seeds and CPU time; its verdict opens when asked for,
    and on paper stands on the last page.
    """
    from retrial.tools.worksheet import worksheet as made

    out.write_text(made(Path(), family, report, count, seed), encoding="utf-8")
    click.echo(f"worksheet: {out}")


def typed(_: click.Context, __: click.Parameter, names: tuple[str, ...]) -> list[tuple[str, Path]]:
    """Files as they were typed, and where they are, before `in_project` moves."""
    return [(click.format_filename(name), Path(name).absolute()) for name in names]


@cli.command()
@click.argument("images", metavar="IMAGE…", nargs=-1, required=True, callback=typed)
@in_project
def predict(images: list[tuple[str, Path]]) -> None:
    """Say which digit each picture shows.

    IMAGE is a PNG or JPEG file of one handwritten digit, dark on light or light on dark, with its
    paper seen all around it and nothing else. Printed are the 28 × 28 pixels that the network sees
    and its probabilities. The network is the one that the study of handwriting chooses.
    """
    from retrial.tools import predict as predictor

    network = predictor.load(Path())
    click.echo(f"The network is the first of arm {network.arm}.")
    bad = 0
    for name, path in images:
        try:
            digit = predictor.predict(network, path, name)
        except RetrialError as error:
            bad += 1
            click.echo(str(error), err=True)
            continue
        for line in predictor.lines(name, digit):
            click.echo(line)
    if bad:
        raise RetrialError(f"{bad} of {len(images)} files could not be read")


for command in COMMANDS:
    cli.add_command(command)

main = reported(cli)

"""Memory of published studies whose stages did not measure it: their costliest trial, run again."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from retrial.core.errors import RetrialError
from retrial.core.partitioned import load_records
from retrial.core.records import Records
from retrial.tools.manifest import read_manifest, write_manifest
from retrial.tools.places import PUBLISHED
from retrial.tools.published import laid_out
from retrial.tools.verify import data_places, run_again


def measure(at_most: float, root: Path = Path()) -> Iterator[str]:
    """Fill in the manifest's missing peak memory; a line for each study that lacked it.

    Of each study the trial that took longest, but no longer than `at_most` seconds, is run in a
    fresh process with one worker; the manifest says which one it was. Raises RetrialError when it
    fails; where the data is not what the trials ran on, the line says so.
    """
    folder = root / PUBLISHED
    content = read_manifest(folder)
    for study, entry in content["stages"].items():
        if entry["peak_bytes"] is not None:
            continue
        with laid_out(folder, [study]) as view, TemporaryDirectory() as out:
            records = load_records(view / study)
            trial = costliest(records, content["timings"].get(study, {}), at_most)
            if trial is None:
                yield f"{study}: not measured, no trial is known to take at most {at_most:g} s"
                continue
            try:
                places = data_places(records, root)
            except RetrialError as error:
                yield f"{study}: not measured, {error}"
                continue
            peak = run_again(study, [trial], places, Path(out))
        entry["peak_bytes"] = peak
        entry["peak_of"] = f"one worker, arm {trial['arm']}, seed {trial['seed']}"
        write_manifest(folder, content)
        yield f"{study}: {peak / 1e6:.0f} MB, {entry['peak_of']}"


def costliest(
    records: Records, timings: Mapping[str, Sequence[float]], at_most: float
) -> dict[str, Any] | None:
    """The trial that took longest of those within `at_most` seconds; None for none."""
    within = [
        (seconds, trial)
        for arm, spent in timings.items()
        for seconds, trial in zip(spent, records.of(arm), strict=True)
        if seconds <= at_most
    ]
    return max(within, key=lambda pair: pair[0])[1] if within else None

"""MLflow as an index of finished trials: one flat run per trial, rebuilt from records at any time.

The records are the truth and published tables never read MLflow, so nothing that goes wrong here
may fail a study: one line says so, and `retrial track` sends the same runs later. A run is found
by its tag `fingerprint`; writing a trial twice adds nothing. What a run has to do with claims is
known once they are judged: `retrial.tools.track` adds it.

On a team's server others write at the same time. Two may begin a run for one trial: everyone who
opens the index deletes the later of the two, and who was writing that one is told by `add`.
"""

import ast
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from retrial.core.records import Finished, canonical, finite
from retrial.core.trial import Result, Trial

URI_VARIABLE = "MLFLOW_TRACKING_URI"
DATABASE, ARTIFACTS = "mlflow.db", "mlartifacts"
FINGERPRINT = "fingerprint"
# MLflow takes 1000 metrics, 100 params and 100 tags in one batch.
METRICS, PARAMS = 1000, 100
PARAM_LENGTH, TAG_LENGTH = 6000, 5000
# A database refuses one of two that insert the same row at once; the second try finds it there.
TRIES = 3
STEP_MILLISECONDS = 1000
DESCRIPTION = "mlflow.note.content"


def local_uri(root: Path) -> str:
    """The default store: a database file in the project's root."""
    return f"sqlite:///{root.resolve() / DATABASE}"


def tracking_uri(root: Path) -> str:
    """The server that the environment names, or the project's own database."""
    return os.environ.get(URI_VARIABLE) or local_uri(root)


@dataclass
class Run:
    """What the index knows of a run in MLflow; `params` are their names, which never change."""

    id: str
    closed: bool
    tags: dict[str, str]
    params: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Index:
    """The runs of one study in MLflow, by fingerprint."""

    client: Any
    experiment: str
    runs: dict[str, Run]

    @classmethod
    def open(cls, study: str, root: Path) -> "Index":
        """Connect, and fetch the known runs of `study` once. Raises whatever MLflow raises.

        Of two runs with one fingerprint the later is deleted. The experiment is described by the
        first line of the study's module.
        """
        client = connect(root)
        name = f"retrial/{study}"
        about = described(study)
        known = client.get_experiment_by_name(name)
        if known is None:
            local = tracking_uri(root) == local_uri(root)
            place = (root.resolve() / ARTIFACTS / study).as_uri() if local else None
            known = experiment_of(client, name, place, about)
        if DESCRIPTION not in known.tags:
            client.set_experiment_tag(known.experiment_id, DESCRIPTION, about)
        runs: dict[str, Run] = {}
        for run in sorted(all_runs(client, known.experiment_id), key=age):
            tags = dict(run.data.tags)
            key = tags.get(FINGERPRINT, "")
            if key in runs:
                client.delete_run(run.info.run_id)
            elif key:
                closed = run.info.status == "FINISHED"
                runs[key] = Run(run.info.run_id, closed, tags, frozenset(run.data.params))
        return cls(client, known.experiment_id, runs)

    def add(self, finished: Finished, tags: Mapping[str, str]) -> bool:
        """Write the run of a trial unless it is there; true when a run was written.

        A run that a killed process left open, or that someone else is writing, is written again and
        closed: equal steps carry equal times, so MLflow keeps one of each point. Where an earlier
        run took the place of this one meanwhile, the trial is no longer in `runs`.
        """
        from mlflow.entities import Metric as Point
        from mlflow.entities import Param

        key = finished.fingerprint
        if key in self.runs and self.runs[key].closed:
            return False
        if key not in self.runs:
            name = f"{finished.trial.arm} · {finished.trial.seed}"
            run = self.client.create_run(self.experiment, tags=dict(tags), run_name=name)
            self.runs[key] = Run(run.info.run_id, False, dict(tags))
        known = self.runs[key]
        points = [
            Point(point.key, point.value, point.step * STEP_MILLISECONDS, point.step)
            for point in measured(finished.result)
        ]
        # MLflow takes 1000 entities of all kinds in one request.
        config = parameters(finished.trial)
        params = [Param(*pair) for pair in config.items() if pair[0] not in known.params]
        first = METRICS - len(params)

        def write(run: str) -> None:
            self.client.log_batch(run, metrics=points[:first], params=params)
            for start in range(first, len(points), METRICS):
                self.client.log_batch(run, metrics=points[start : start + METRICS])
            self.client.set_terminated(run)

        known.closed = self.write(key, write)
        return known.closed

    def write(self, key: str, write: Callable[[str], None]) -> bool:
        """Call `write` with the id of the run of a trial, again when the store refuses it.

        `write` must be one that may be repeated. False when the run was deleted meanwhile, as the
        later of two: the trial is then no longer in `runs`. Raises what MLflow raises at the last
        try.
        """
        from mlflow.exceptions import MlflowException

        run = self.runs[key].id
        for left in reversed(range(TRIES)):
            try:
                write(run)
                return True
            except MlflowException as error:
                if unanswered(error):
                    raise
                if self.client.get_run(run).info.lifecycle_stage == "deleted":
                    del self.runs[key]
                    return False
                if not left:
                    raise
        return False


def unanswered(error: Exception) -> bool:
    """Whether a request found no server, so that another would find none either."""
    import requests

    return isinstance(error.__cause__ or error.__context__, requests.RequestException)


def experiment_of(client: Any, name: str, place: str | None, about: str) -> Any:
    """A new experiment, or the one that someone else made under this name at the same moment."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_experiment(client.create_experiment(name, place, {DESCRIPTION: about}))
    except MlflowException:
        known = client.get_experiment_by_name(name)
        if known is None:
            raise
        return known


def described(study: str) -> str:
    """The first line of what the module of a study says of itself; "" where there is none."""
    spec = find_spec(f"retrial.studies.{study}")
    if spec is None or spec.origin is None:
        return ""
    source = Path(spec.origin).read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def age(run: Any) -> tuple[int, str]:
    """Sorts runs from the earliest to the latest."""
    return run.info.start_time, run.info.run_id


def all_runs(client: Any, experiment: str) -> Iterator[Any]:
    """The runs of an experiment that are not deleted, page by page."""
    token = None
    while True:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def connect(root: Path) -> Any:
    """An MLflow client for `root`; creates the local database when there is none."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    # A server that does not answer costs seconds, not MLflow's default of minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    from filelock import FileLock
    from mlflow.tracking import MlflowClient

    for name in ("mlflow.store", "alembic"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    uri = tracking_uri(root)
    if uri.startswith("sqlite"):
        leave_flushing_to_the_system()
    if uri != local_uri(root):
        return MlflowClient(uri)
    # Two processes that create the database at once, or one that is killed meanwhile, would leave
    # it broken for good: it comes to its place whole.
    (root / ARTIFACTS).mkdir(exist_ok=True)
    with FileLock(root / ARTIFACTS / ".lock", timeout=120):
        if not (root / DATABASE).exists():
            unfinished = root.resolve() / ARTIFACTS / ".unfinished.db"
            unfinished.unlink(missing_ok=True)
            MlflowClient(f"sqlite:///{unfinished}").get_experiment_by_name("Default")
            unfinished.replace(root / DATABASE)
    return MlflowClient(uri)


def leave_flushing_to_the_system() -> None:
    """Let SQLite commit without fsync: what can be rebuilt need not survive a power cut."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    if not event.contains(Engine, "connect", _without_fsync):
        event.listen(Engine, "connect", _without_fsync)


def _without_fsync(connection: Any, _: Any) -> None:
    if type(connection).__module__ == "sqlite3":
        connection.execute("PRAGMA synchronous = OFF")


@contextmanager
def quiet() -> Iterator[None]:
    """Hide warnings that MLflow raises about itself: a user of a study cannot mend them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Point(NamedTuple):
    """One number of a run: final metrics have step 0, curves their epochs from 1 on."""

    key: str
    value: float
    step: int


def measured(result: Result) -> list[Point]:
    """The final metrics and `epoch/…` curves of a result, without what is not finite."""
    final = [
        Point(safe(name), metric.value or 0.0, 0)
        for name, metric in result.metrics.items()
        if finite(metric.value) is not None
    ]
    curves = [
        Point(safe(f"epoch/{name}"), value, epoch)
        for name, curve in result.curves.items()
        for epoch, value in enumerate(curve, start=1)
        if value is not None and finite(value) is not None
    ]
    return [Point(key, float(value), step) for key, value, step in final + curves]


def parameters(trial: Trial) -> dict[str, str]:
    """A trial's config as MLflow's params: a text as it is, other values as JSON.

    What lies within a mapping is a param of its own, such as `optimiser.learning_rate`.
    """
    config = sorted(dict(flat(trial.config)).items())[:PARAMS]
    return {
        safe(key): (value if isinstance(value, str) else canonical(value))[:PARAM_LENGTH]
        for key, value in config
    }


def flat(config: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """The values of nested mappings, each with the path of its keys, joined by dots."""
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def tags(finished: Finished, around: Mapping[str, Any]) -> dict[str, str]:
    """What a run can be searched by; `around` holds the hashes of data, lock and code."""
    trial, result, fingerprint = finished
    found = {
        FINGERPRINT: fingerprint,
        "study": trial.study,
        "stage": trial.study,
        "family": trial.study,
        "arm": trial.arm,
        "seed": str(trial.seed),
        "whole": str(trial.whole or result.decided).lower(),
        "status": result.status,
        "sample_sizes": canonical({name: metric.n for name, metric in result.metrics.items()}),
        "lock": str(around.get("lock", "")),
        "code": str(around.get("code", "")),
    }
    if result.detail:
        found["detail"] = canonical(result.detail)
    found |= {f"data.{safe(name)}": value for name, value in around.get("data", {}).items()}
    return {key: value[:TAG_LENGTH] for key, value in found.items()}


def safe(name: str) -> str:
    """`name` with what MLflow refuses in a key replaced: characters, and parts of no plain path."""
    parts = re.sub(r"[^\w\-. :/]", "_", name).split("/")
    return "/".join("_" if part in ("", ".", "..") else part for part in parts)


def observer(
    study: str, around: Mapping[str, Any], root: Path | None = None
) -> Callable[[Finished], None]:
    """A callable that shows each finished trial of `study` in MLflow while the stage runs.

    MLflow loads and connects at the first trial, when the workers are at work already. At the
    first failure one line is printed and the rest of the stage goes on without it.
    """
    place = root or Path.cwd()
    index: Index | None = None
    broken = False

    def watch(finished: Finished) -> None:
        nonlocal index, broken
        if broken:
            return
        try:
            with quiet():
                index = index or Index.open(study, place)
                index.add(finished, tags(finished, around))
        except Exception as error:
            broken = True
            print(
                f"warning: {complaint(place, error)}; the records are kept, "
                "`retrial track` sends them later",
                file=sys.stderr,
                flush=True,
            )

    return watch


def complaint(root: Path, error: Exception) -> str:
    """One line on why MLflow did not take a run, without the password of its address."""
    uri = tracking_uri(root)
    parts = urlsplit(uri)
    if "@" in parts.netloc:
        uri = uri.replace(parts.netloc, parts.netloc.rsplit("@", 1)[1])
    lines = [line for line in str(error).splitlines() if line] or [""]
    reason = lines[0] if len(lines[0]) < 160 else f"{lines[0][:160]}…"
    if "@" in parts.netloc:
        reason = reason.replace(parts.netloc.rsplit("@", 1)[0], "…")
    return f"MLflow at {uri} did not take a run: {type(error).__name__}: {reason}"

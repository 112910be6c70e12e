"""A small project with records, verdicts, a lock and git, for tests of the tools."""

import json
import subprocess
from pathlib import Path

import numpy as np
from ruamel.yaml import YAML

from retrial.core import records
from retrial.core.records import Finished
from retrial.core.trial import Metric, Result, Trial
from retrial.judging.verdicts import COLUMNS, table
from retrial.running.timings import digest_of
from retrial.tools.locks import md5

FAMILY = "kernels"
CLAIM = "000-6.2-linear"
LEDGER = f"""\
report: "000"
groups:
  - where: "6.2"
    family: {FAMILY}
    claims:
      - id: {CLAIM}
        quote: "an accuracy of 0.91"
        statement: the linear kernel has an accuracy of 0.91
        kind: value
        printed: "0.91"
        quantity: accuracy
        margin: 0.02
        margin_reason: two digits are printed
        evidence: {{arm: linear, metric: accuracy}}
"""
COMPUTE = "compute: {backend: local, address: null, workers: 3}\n"
FILES = {
    "params.yaml": f"profile: quick\n{COMPUTE}{FAMILY}:\n  C: 1.0\n",
    "profiles/quick.yaml": f"{FAMILY}:\n  seeds: 1\n",
    "profiles/paper.yaml": f"{FAMILY}:\n  seeds: 2\n",
    "claims/000.yaml": LEDGER,
    "src/code.py": "a = 1\n",
    "requirements.lock": "numpy==2.4.6\n",
    "dvc.yaml": f"stages:\n  {FAMILY}: {{}}\n  judge:\n    foreach: [{FAMILY}]\n",
    ".gitignore": "/data/\n/reports/report.*\n",
    ".dvc/config": "[core]\n    analytics = false\n",
}


def git(root: Path, *arguments: str) -> None:
    who = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", "-C", str(root), *who, *arguments], check=True, capture_output=True)


def row(verdict: str = "reproduced", profile: str = "quick", measured: float = 0.9) -> dict:
    """A verdict row of the only claim."""
    filled = dict.fromkeys(COLUMNS, "")
    return filled | {
        "id": CLAIM, "report": "000", "family": FAMILY, "kind": "value", "verdict": verdict,
        "printed": "0.91", "measured": measured, "low": 0.88, "high": 0.92, "n": 5,
        "profile": profile, "reason": "mean 0.9", "margin": 0.02, "fault": None,
        "fitted": [],
        "evidence": {"arm": "linear", "metric": "accuracy"}, "stage": FAMILY,
        "inputs_md5": "0" * 32, "fingerprints": ["f" * 32],
    }  # fmt: skip


def finished(seed: int) -> Finished:
    result = Result({"accuracy": Metric(0.9, 100)}, arrays={"predicted": np.arange(3, dtype="u1")})
    return Finished(Trial(FAMILY, "linear", seed, {"C": 1.0}), result, f"{seed:032d}")


def write_results(root: Path, profile: str = "quick", verdict: str = "reproduced") -> None:
    """What a run of the pipeline leaves: records, verdicts, timings, and the lock."""
    folder = root / "data/results" / FAMILY
    around = {"code": "c", "data": {"mnist/train_images.npy": "d"}, "lock": "l", "pins": {}}
    seeds = {"quick": 1, "paper": 2}[profile]
    provenance = {**around, "protocol": {"C": 1.0}, "budget": {"seeds": seeds}}
    records.write(folder, FAMILY, [finished(seed) for seed in range(seeds)], [], provenance)
    stage = {
        "trials": digest_of(f"{seed:032d}" for seed in range(seeds)), "computed": seeds,
        "replayed": 0, "wall_seconds": 3.0, "workers": 2, "peak_bytes": 1_000_000,
    }  # fmt: skip
    timings = {"seconds": {"linear": [2.0] * seeds}, "stage": stage}
    (folder / "timings.json").write_text(json.dumps(timings))
    rows = [row(verdict, profile)]
    verdicts = root / "data/results/verdicts"
    verdicts.mkdir(exist_ok=True)
    (verdicts / f"{FAMILY}.json").write_text(json.dumps(rows))
    (root / "data/results/verdicts.csv").write_text(table(rows))
    write_lock(root, profile, seeds)


def write_lock(root: Path, profile: str, seeds: int) -> None:
    """dvc.lock as it follows from the files on disk."""
    results = f"data/results/{FAMILY}/records.json"

    def entries(*paths: str) -> list[dict]:
        return [{"path": path, "md5": md5(root / path)} for path in paths]

    stages = {
        FAMILY: {
            "deps": entries("src"),
            "params": {
                "params.yaml": {FAMILY: {"C": 1.0}},
                f"profiles/{profile}.yaml": {FAMILY: {"seeds": seeds}},
            },
            "outs": entries(results),
        },
        f"judge@{FAMILY}": {
            "deps": entries("src", "claims", results),
            "params": {"params.yaml": {"profile": profile}},
            "outs": entries(f"data/results/verdicts/{FAMILY}.json"),
        },
        "verdicts": {
            "deps": entries(f"data/results/verdicts/{FAMILY}.json"),
            "outs": entries("data/results/verdicts.csv"),
        },
    }
    with (root / "dvc.lock").open("w") as stream:
        YAML().dump({"schema": "2.0", "stages": stages}, stream)


def cache_verdicts(root: Path) -> None:
    """Put verdicts.csv where DVC's cache would hold it."""
    table_path = root / "data/results/verdicts.csv"
    digest = md5(table_path)
    target = root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(table_path.read_bytes())


def project(root: Path) -> Path:
    """A project that ran under `quick` and was committed."""
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    write_results(root)
    cache_verdicts(root)
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "start")
    return root

"""A project of two study stages and real DVC, small enough to be killed and run again often.

`copies` trains trials that a second study, `heirs`, has the weights of. Trials are the package's
own program: the miniature is a copy of it with two modules more.
"""

import shutil
from pathlib import Path

from clones import ROOT, Clone

STUDIES = ("copies", "heirs")
STUDY = '''\
"""A study of a miniature."""

import time

import numpy as np

from retrial.core.models import Count, FrozenModel
from retrial.core.seeds import generator
from retrial.core.trial import Metric, Result, Trial

NAME = "{name}"


class Protocol(FrozenModel):
    """How many draws a trial has."""

    draws: Count


class Budget(FrozenModel):
    """How many trials there are."""

    seeds: Count


def trials(protocol, budget):
    config = protocol.model_dump()
    return [Trial(NAME, f"arm{{i % 2}}", i, config) for i in range(budget.seeds)]


def skipped(protocol, budget):
    return []


def run(trial, data):
    time.sleep(0.1)
    draws = generator(NAME, trial.seed, "draws").normal(size=trial.config["draws"])
    base = sum(float(array.sum()) for _, array in sorted(data.items()))
    weights = (draws + base).astype(np.float32)
    metrics = {{"mean": Metric(float(weights.mean()), len(draws))}}
    curves = {{"draw": [float(x) for x in draws[:3]]}}
    return Result(metrics, curves=curves, arrays={{"draws": draws}}, weights={{"w": weights}})
'''
STAGE = """\
from retrial.running.stage import run_study
from retrial.studies import {name}

if __name__ == "__main__":
    run_study({name}, data={data!r}, results="data/results/{name}")
"""
STAGES = """\
  {name}:
    cmd: exec python stages/{name}.py
    deps: [stages/{name}.py, src/retrial, requirements.lock{inputs}]
    params:
      - {name}
      - profiles/smoke.yaml: [{name}]
    outs:
{outs}
"""
OUTS = ("records.json", "arrays.npz", "provenance.json", "curves.csv", "weights.safetensors")


def miniature(folder: Path, seeds: int = 8) -> Clone:
    """The project below `folder`, not yet run, with `seeds` trials in each of its two stages."""
    root, cache = folder / "clone", folder / "cache"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src/retrial", root / "src/retrial", ignore=ignored)
    # Compiled code is no input: it is written anew by whoever runs first.
    for name in ("requirements.lock", ".dvcignore"):
        shutil.copy2(ROOT / name, root / name)
    # As the project: else DVC would list its outs in files of its own, beside the results.
    (root / ".gitignore").write_text("/data/\n")
    cache.mkdir()
    weights = "data/results/copies/weights.safetensors"
    inputs = {"copies": [], "heirs": [weights]}
    stages = "stages:\n"
    (root / "stages").mkdir()
    for name in STUDIES:
        (root / f"src/retrial/studies/{name}.py").write_text(STUDY.format(name=name))
        (root / f"stages/{name}.py").write_text(STAGE.format(name=name, data=inputs[name]))
        stages += STAGES.format(
            name=name,
            inputs="".join(f", {path}" for path in inputs[name]),
            outs="\n".join(f"      - data/results/{name}/{out}" for out in OUTS),
        )
    (root / "dvc.yaml").write_text(stages)
    sections = "".join(f"{name}: {{draws: 1000}}\n" for name in STUDIES)
    compute = "compute: {backend: local, address: null, workers: 2}\n"
    (root / "params.yaml").write_text(f"profile: smoke\n{compute}{sections}")
    (root / "profiles").mkdir()
    budgets = "".join(f"{name}: {{seeds: {seeds}}}\n" for name in STUDIES)
    (root / "profiles/smoke.yaml").write_text(budgets)
    clone = Clone(root, cache)
    for command in (
        ("git", "init", "-q"),
        ("dvc", "init", "-q"),
        ("dvc", "config", "core.analytics", "false"),
        ("dvc", "config", "core.check_update", "false"),
    ):
        done = clone(*command)
        assert done.returncode == 0, done.stdout + done.stderr
    return clone

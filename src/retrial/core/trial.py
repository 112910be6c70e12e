"""What a study is made of: trials, and what a trial returns."""

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np


class Metric(NamedTuple):
    """A measured number and the sample size behind it (0: no sample, a derived number)."""

    value: float | int | None
    n: int


@dataclass(frozen=True)
class Trial:
    """The smallest unit that is run, cached, resumed and sent away.

    `config` holds JSON values only: everything that a run depends on besides the seed and the
    data. `whole` is false when the profile's budget cuts the printed protocol short. `cost` is a
    rough number of seconds; heavy trials start first.
    """

    study: str
    arm: str
    seed: int
    config: dict[str, Any]
    whole: bool = True
    cost: float = 1.0


@dataclass(frozen=True)
class Result:
    """What a trial measured.

    `curves` hold one value per epoch, all of one length. `detail` says where a diverged trial
    first met a non-finite number (epoch, step, tensor). `arrays` serve figures and paired tests,
    `weights` serve later stages. `decided` is true when what the budget cut could not have changed
    the result, such as epochs after a divergence.
    """

    metrics: dict[str, Metric]
    status: Literal["ok", "diverged"] = "ok"
    decided: bool = False
    detail: dict[str, Any] = field(default_factory=dict)
    curves: dict[str, list[float | None]] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    weights: dict[str, np.ndarray] = field(default_factory=dict)

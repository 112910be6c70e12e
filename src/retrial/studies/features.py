"""Report 002, section C, 3.5: the 32 numbers that each encoder makes of an image.

Applies what `autoencoder` left, and what needs no training, to all three parts of the split:

    relu, identity              the codes of the report's two autoencoders
    converged/<activation>      of those that were trained for longer
    pca                         the image's place on the first principal axes
    random                      a random projection, drawn per seed: nothing is learned

The codes are handed on to `code_classifier`, so that a change there trains no autoencoder again.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field

from retrial import encoders, fashion
from retrial.core.models import Count, FrozenModel
from retrial.core.records import array_key, finite
from retrial.core.seeds import generator
from retrial.core.trial import Metric, Result, Trial
from retrial.encoders import Encoder
from retrial.fashion import Array

Config = dict[str, Any]

NAME = "features"
PARTS = ("train", "validation", "test")
# What the autoencoders left, as messages name it.
SOURCE = "autoencoder/weights.safetensors"


class Protocol(FrozenModel):
    """The hidden widths of the autoencoders; the layer in the middle is the code."""

    hidden: Annotated[
        tuple[Count, ...], Field(min_length=1), AfterValidator(encoders.require_hidden)
    ]


class Budget(FrozenModel):
    """Which encoders there are: the seeds of `autoencoder`; those of `random` as many as `seeds`.

    `encoders_whole` is false when that stage's budget cuts the training of the encoders short.
    """

    seeds: Count
    converged_seeds: Annotated[int, Field(ge=0)]
    encoders_whole: bool

    def seeds_of(self, arm: str) -> int:
        """The number of seeds of an arm; nothing in `pca` is drawn."""
        named = {"converged": self.converged_seeds, "pca": 1}
        return named.get(arm.split("/")[0], self.seeds)


def arms(protocol: Protocol) -> dict[str, Config]:
    """The config of every arm, by name: the encoder's widths and its activation."""
    widths = encoders.widths(protocol.hidden)
    network: Config = {"widths": widths}
    straight: Config = {"widths": widths[-1:], "activation": "identity"}
    return {
        "relu": network | {"activation": "relu"},
        "identity": network | {"activation": "identity"},
        "converged/relu": network | {"activation": "relu"},
        "converged/identity": network | {"activation": "identity"},
        "pca": straight,
        "random": straight,
    }


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per encoder and seed."""
    return [
        Trial(NAME, arm, seed, config, budget.encoders_whole or arm == "random")
        for arm, config in arms(protocol).items()
        for seed in range(budget.seeds_of(arm))
    ]


def skipped(protocol: Protocol, budget: Budget) -> list[str]:
    """The arms that the budget has no seeds for."""
    return [arm for arm in arms(protocol) if not budget.seeds_of(arm)]


def run(trial: Trial, data: Mapping[str, Array]) -> Result:
    """Encode all images with one encoder.

    `data` as in `retrial.fashion.part`, and the tensors of the autoencoders' encoders by
    "<arm>:<seed>:weight_0" and so on; RetrialError names one that is missing, ValueError one of
    another shape than the config's. Weights: `train`, `validation` and `test` (n, code size)
    float32. Metrics, over the training images: `dead_units`, units that are always 0; `code_sd`,
    the mean over units of their standard deviation; `effective_rank`, as in `retrial.encoders`,
    null when the codes do not vary.

    Arrays, of the lowest seed: `plane` (n, 2) float32, the validation codes on the first two
    principal axes of the training codes, and their `labels` (n,) uint8.
    """
    inputs = {name: fashion.part(data, name).inputs for name in PARTS}
    encoder = _encoder(trial, data, inputs["train"].shape[1])
    with np.errstate(all="ignore"):
        codes = {name: encoder.codes(one) for name, one in inputs.items()}
    train, n = codes["train"], len(codes["train"])
    if not np.isfinite(train).all():
        metrics = {name: Metric(None, n) for name in ("dead_units", "code_sd", "effective_rank")}
        return Result(metrics, "diverged", detail={"tensor": "train"}, weights=codes)
    deviation = float(train.std(axis=0, dtype=np.float64).mean())
    arrays: dict[str, Array] = {}
    if trial.seed == 0:
        plane = encoders.principal_components(train, 2).encoder()
        arrays = {
            "plane": plane.codes(codes["validation"].astype(np.float64)).astype(np.float32),
            "labels": fashion.part(data, "validation").labels.astype(np.uint8),
        }
    return Result(
        metrics={
            "dead_units": Metric(encoders.dead_units(train), n),
            "code_sd": Metric(finite(deviation), n),
            "effective_rank": Metric(encoders.effective_rank(train), n),
        },
        arrays=arrays,
        weights=codes,
    )


def _encoder(trial: Trial, data: Mapping[str, Array], inputs: int) -> Encoder:
    """The encoder of an arm, for images of `inputs` pixels."""
    widths = trial.config["widths"]
    if trial.arm == "random":
        return encoders.random_projection(
            inputs, widths[-1], generator("fashion", trial.seed, "projection")
        )
    weights: list[Array] = []
    biases: list[Array] = []
    for layer, (rows, columns) in enumerate(zip([inputs, *widths], widths, strict=False)):
        for found, name, shape in (
            (weights, f"weight_{layer}", (rows, columns)),
            (biases, f"bias_{layer}", (columns,)),
        ):
            key = array_key(trial.arm, trial.seed, name)
            one = encoders.tensor(data, key, SOURCE)
            if one.shape != shape:
                raise ValueError(f"{SOURCE}: {key} has shape {one.shape}, expected {shape}")
            found.append(one)
    return Encoder(weights, biases, trial.config["activation"])

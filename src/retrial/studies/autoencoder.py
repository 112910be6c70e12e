"""Report 002, section C, 3.4: autoencoders of clothes, with ReLU and without a nonlinearity.

A multilayer perceptron learns to give its own input back: scikit-learn's MLPRegressor with hidden
layers of 512, 128, 32, 128 and 512 units, on the 8,000 training images of the split. The report
states the widths, the activations, the learning rate of 2e-5 and 100 epochs; batch and solver are
the library's defaults.

    relu, identity                  the report's networks
    rate/<activation>/<rate>        the same at higher learning rates
    converged/<activation>          at one of them, for longer: which is better in the end?
    pca                             the plane nearest to the training images, as wide as the code

A network without a nonlinearity maps into a plane of as many dimensions as its code has, so that
on the training images none is better than `pca`. All arms of a seed share the draws of their
initial weights and their orders of batches.
"""

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import AfterValidator, Field

from retrial import encoders, fashion, images
from retrial.core.models import Count, FrozenModel, Positive
from retrial.core.records import finite
from retrial.core.trial import Metric, Result, Trial
from retrial.encoders import Encoder
from retrial.fashion import PIXELS, Array
from retrial.nets.library_mlp import LibraryNetwork
from retrial.training.library_fit import SolverName, fit

Config = dict[str, Any]
Curves = dict[str, list[float | None]]

NAME = "autoencoder"
ACTIVATIONS = ("relu", "identity")
PARTS = ("train", "validation", "test")
TRAINING_IMAGES = 8_000
# Arms of which a later stage needs the encoder.
HANDED_ON = ("relu", "identity", "converged", "pca")


class Converged(FrozenModel):
    """A training that comes near its end."""

    learning_rate: Positive
    epochs: Count


class Protocol(FrozenModel):
    """The autoencoder and how it is fitted; the layer in the middle of `hidden` is the code."""

    hidden: Annotated[
        tuple[Count, ...], Field(min_length=1), AfterValidator(encoders.require_hidden)
    ]
    batch: Count
    solver: SolverName
    learning_rate: Positive
    epochs: Count
    sweep: tuple[Positive, ...]
    converged: Converged


class Budget(FrozenModel):
    """How much of it: seeds by group of arms, where 0 leaves the group out.

    `seeds` is that of the report's networks, `sweep_seeds` that of `rate`; `pca` has one. Null
    epochs and images mean all of them.
    """

    seeds: Count
    sweep_seeds: Annotated[int, Field(ge=0)]
    converged_seeds: Annotated[int, Field(ge=0)]
    epochs_at_most: Count | None
    train_at_most: Count | None

    def seeds_of(self, arm: str) -> int:
        """The number of seeds of an arm; nothing in `pca` is drawn."""
        named = {"rate": self.sweep_seeds, "converged": self.converged_seeds, "pca": 1}
        return named.get(group(arm), self.seeds)


class Parts(NamedTuple):
    """Images of the three parts as (n, pixels) float32 in 0…1."""

    train: Array
    validation: Array
    test: Array


def group(arm: str) -> str:
    """The group of an arm: what its name begins with."""
    return arm.split("/")[0]


def arms(protocol: Protocol) -> dict[str, Config]:
    """The config of every arm at its full length, by name."""
    shared: Config = {
        "hidden": list(protocol.hidden),
        "batch": protocol.batch,
        "solver": protocol.solver,
        "learning_rate": protocol.learning_rate,
        "epochs": protocol.epochs,
        "tolerance": None,
    }
    found: dict[str, Config] = {one: shared | {"activation": one} for one in ACTIVATIONS}
    for one in ACTIVATIONS:
        found |= {
            f"rate/{one}/{rate!r}": found[one] | {"learning_rate": rate} for rate in protocol.sweep
        }
    for one in ACTIVATIONS:
        found[f"converged/{one}"] = found[one] | protocol.converged.model_dump()
    found["pca"] = {"code_size": encoders.widths(protocol.hidden)[-1]}
    return found


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per arm and seed."""
    found = []
    for arm, full in arms(protocol).items():
        config = full | {"train_at_most": budget.train_at_most}
        if "epochs" in full:
            config["epochs"] = min(full["epochs"], budget.epochs_at_most or full["epochs"])
        whole = budget.train_at_most is None and config.get("epochs") == full.get("epochs")
        found += [
            Trial(NAME, arm, seed, config, whole, cost(config))
            for seed in range(budget.seeds_of(arm))
        ]
    return found


def skipped(protocol: Protocol, budget: Budget) -> list[str]:
    """The arms that the budget has no seeds for."""
    return [arm for arm in arms(protocol) if not budget.seeds_of(arm)]


def cost(config: Config) -> float:
    """Seconds of a trial on one core, which only order the work."""
    if "epochs" not in config:
        return 2.0
    sizes = (PIXELS, *config["hidden"], PIXELS)
    count = min(TRAINING_IMAGES, config["train_at_most"] or TRAINING_IMAGES)
    return fashion.seconds(sizes, count, config["epochs"])


def run(trial: Trial, data: Mapping[str, Array]) -> Result:
    """Train one autoencoder, or fit the principal components; look at what they give back.

    `data` as in `retrial.fashion.part`. Metrics: `train_mse`, `validation_mse`, `test_mse`, the
    mean square over images × pixels in units of the pixels' range, neither halved nor penalised; of
    the validation images, means over images of `validation_ssim`, the structural similarity to
    the original (-1…1), and of `validation_edges`, gradient energy as a multiple of the original's;
    `validation_variance_explained`, 1 less the mse over the variance around the mean training
    image; `dead_units`, units of the code that are 0 for all training images. Reconstructions are
    not clipped for any of them. ValueError when the code is larger than the images.

    Curves, per epoch (not `pca`): `running_loss`, the library's halved and penalised loss averaged
    over the batches as they were trained on, and `validation_mse` after the epoch. Arrays: `errors`
    and `edges` (float32, per validation image); of the lowest seed `reconstructions` (uint8,
    classes × height × width), the first validation image of each class, and in `pca` its
    `originals`. Weights (not `rate`): the encoder's layers, `weight_0`, `bias_0`, … in float32.
    """
    config = trial.config
    parts = Parts(*(_images(data, name, config["train_at_most"]) for name in PARTS))
    fitted = _train if "epochs" in config else _principal
    with np.errstate(all="ignore"):
        encoder, rebuilt, curves, divergence = fitted(config, trial.seed, parts)
        shape = data["test_images"].shape[1:]
        metrics, arrays = _look(encoder, parts, rebuilt, shape)
    if trial.seed == 0:
        _, shown = np.unique(data["test_labels"][data["validation"]], return_index=True)
        arrays["reconstructions"] = _bytes(rebuilt.validation[shown], shape)
        if group(trial.arm) == "pca":
            arrays["originals"] = _bytes(parts.validation[shown], shape)
    return Result(
        metrics=metrics,
        status="ok" if divergence is None else "diverged",
        # More epochs could not have changed a network that has diverged; more images could.
        decided=divergence is not None and config["train_at_most"] is None,
        detail={} if divergence is None else {"epoch": divergence},
        curves=curves,
        arrays=arrays,
        weights=encoder.tensors() if group(trial.arm) in HANDED_ON else {},
    )


def _images(data: Mapping[str, Array], name: str, train_at_most: int | None) -> Array:
    inputs: Array = fashion.part(data, name).inputs
    return inputs[:train_at_most] if name == "train" else inputs


def _train(config: Config, seed: int, parts: Parts) -> tuple[Encoder, Parts, Curves, int | None]:
    """A network's encoder, what it gives back, its curves, and the epoch of a divergence."""
    inputs = parts.train.shape[1]
    widths = encoders.widths(config["hidden"])
    encoders.require_room(widths[-1], inputs)
    network = LibraryNetwork(
        (inputs, *config["hidden"], inputs),
        config["activation"],
        "regress",
        config["batch"],
        fashion.random_state(seed),
    )
    errors: list[float | None] = []

    def look() -> None:
        errors.append(finite(_mse(network.outputs(parts.validation), parts.validation)))

    found = fit(network, parts.train, parts.train, fashion.schedule(config), look)
    if found.divergence is not None:
        errors.append(None)
    curves: Curves = {
        "running_loss": [finite(loss) for loss in found.losses],
        "validation_mse": errors,
    }
    depth = len(widths)
    encoder = Encoder(network.weights[:depth], network.biases[:depth], config["activation"])
    return encoder, Parts(*map(network.outputs, parts)), curves, found.divergence


def _principal(config: Config, seed: int, parts: Parts) -> tuple[Encoder, Parts, Curves, None]:
    """The same of the principal components of the training images, in float64."""
    found = encoders.principal_components(parts.train, config["code_size"])
    return found.encoder(), Parts(*map(found.reconstructions, parts)), {}, None


def _mse(rebuilt: Array, originals: Array) -> float:
    """The mean square over images and pixels, summed in float64."""
    return float(np.square(rebuilt - originals).mean(dtype=np.float64))


def _look(
    encoder: Encoder, parts: Parts, rebuilt: Parts, shape: tuple[int, ...]
) -> tuple[dict[str, Metric], dict[str, Array]]:
    """Metrics and arrays of what an autoencoder gives back."""
    metrics = {
        f"{name}_mse": Metric(finite(_mse(again, own)), len(own))
        for name, own, again in zip(PARTS, parts, rebuilt, strict=True)
    }
    own, again, n = parts.validation, rebuilt.validation, len(parts.validation)
    plain, seen = own.reshape(-1, *shape), again.reshape(-1, *shape)
    edges = images.edge_ratio(seen, plain)
    metrics["validation_ssim"] = Metric(
        finite(float(images.structural_similarity(seen, plain).mean())), n
    )
    metrics["validation_edges"] = Metric(finite(float(edges.mean())), n)
    variance = _mse(own, parts.train.mean(axis=0, dtype=np.float64))
    metrics["validation_variance_explained"] = Metric(finite(1 - _mse(again, own) / variance), n)
    dead = encoders.dead_units(encoder.codes(parts.train))
    metrics["dead_units"] = Metric(dead, len(parts.train))
    errors = np.square(again - own).mean(axis=1, dtype=np.float64)
    return metrics, {"errors": errors.astype(np.float32), "edges": edges.astype(np.float32)}


def _bytes(inputs: Array, shape: tuple[int, ...]) -> Array:
    """Images as figures draw them: uint8, clipped to what a pixel can be."""
    clipped = np.clip(np.nan_to_num(inputs), 0, 1)
    return np.rint(255 * clipped).astype(np.uint8).reshape(-1, *shape)

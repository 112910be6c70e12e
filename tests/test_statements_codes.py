"""Tests of report 002's sentences on autoencoders and their codes, on known records."""

from pathlib import Path

import numpy as np
import pytest

from retrial import fashion
from retrial.core import records
from retrial.core.errors import RetrialError
from retrial.core.records import Finished, Records
from retrial.core.trial import Metric, Result, Trial
from retrial.judging.judge import Family, judge_claim
from retrial.judging.ledger import Claim, find, load_claims
from retrial.judging.outcome import Outcome
from retrial.judging.statements import TESTS
from retrial.studies import autoencoder, code_classifier

CLAIMS = load_claims(Path(__file__).parents[1] / "claims")
IMAGES = 1000
HIDDEN = [512, 128, 32, 128, 512]
CONFIG = {"hidden": HIDDEN, "learning_rate": 2e-5, "epochs": 100}


def claim(name: str, **evidence: object) -> Claim:
    """The ledger's own claim, so that its thresholds are the ones that are tested."""
    one = find(CLAIMS, f"002-{name}")
    return one.model_copy(update={"evidence": one.evidence.model_copy(update=evidence)})


def loaded(tmp_path: Path, *arms: list[Finished]) -> Records:
    records.write(tmp_path, "study", [one for some in arms for one in some], [], {})
    return Records.load(tmp_path)


def judged(tmp_path: Path, one: Claim, *arms: list[Finished]) -> Outcome:
    assert one.evidence.test is not None
    return TESTS[one.evidence.test](one, loaded(tmp_path, *arms))


def coder(name: str, error: float = 0.02, seeds: int = 10, **rest) -> list[Finished]:
    """Autoencoders with a validation error near `error`; `lost` of them have diverged."""
    chance = np.random.default_rng(sum(name.encode()))
    lost, train = rest.pop("lost", 0), rest.pop("train", error)
    # Epochs that lower the loss, then ones that hardly do.
    falling, epochs = rest.pop("falling", 30), 30
    edges, ssim = rest.pop("edges", 0.5), rest.pop("ssim", 0.6)
    # What makes an image hard is the same for all networks.
    hard = np.random.default_rng(0).gamma(4, 0.25, IMAGES)
    found = []
    for seed in range(seeds):
        errors = (error + chance.normal(0, 1e-4)) * hard + chance.normal(0, 1e-3, IMAGES)
        sharp = edges + chance.normal(0, 0.002) + chance.normal(0, 0.02, IMAGES)
        metrics = {
            "train_mse": train + chance.normal(0, 1e-5),
            "validation_mse": float(errors.mean()),
            "validation_edges": float(sharp.mean()),
            "validation_ssim": ssim + chance.normal(0, 1e-4),
        }
        result = Result(
            {key: Metric(value, IMAGES) for key, value in metrics.items()},
            status="diverged" if seed < lost else "ok",
            arrays={"errors": errors.astype(np.float32), "edges": sharp.astype(np.float32)},
            curves={
                "running_loss": [1.0 - 0.01 * min(at, falling) for at in range(epochs)],
                "validation_mse": [error + 0.001 * (epochs - 1 - at) for at in range(epochs)],
            },
        )
        trial = Trial("autoencoder", name, seed, CONFIG | rest.get("config", {}))
        found.append(Finished(trial, result, f"{name}{seed}"))
    return found


# The autoencoders.


def test_the_stated_autoencoder_is_what_is_trained(tmp_path: Path) -> None:
    one = claim("C4-arch")
    right = judged(tmp_path, one, coder("relu"), coder("identity"))
    assert right.verdict == "reproduced"
    assert "512-128-32-128-512 at a learning rate of 2e-05 for 100 epochs" in right.reason
    for lost, verdict in ((3, "inconclusive"), (10, "contradicted")):
        found = judged(tmp_path, one, coder("relu", lost=lost), coder("identity"))
        assert found.verdict == verdict
        assert f"{20 - lost} of 20 runs train to the end" in found.reason
    wider = claim("C4-arch", thresholds={**one.evidence.thresholds, "code": 64})
    assert judged(tmp_path, wider, coder("relu"), coder("identity")).verdict == "contradicted"
    with pytest.raises(RetrialError, match="the study does not train"):
        judged(tmp_path, one, coder("relu", config={"epochs": 50}), coder("identity"))


@pytest.mark.parametrize(
    ("identity", "train", "verdict"),
    [
        (0.017, 0.017, "reproduced"),
        (0.023, 0.023, "contradicted"),
        # One of the two losses only; a difference of a thousandth matters to nobody.
        (0.017, 0.023, "contradicted"),
        (0.023, 0.017, "contradicted"),
        (0.02, 0.01999, "contradicted"),
    ],
)
def test_both_losses_must_be_lower(
    tmp_path: Path, identity: float, train: float, verdict: str
) -> None:
    converged = [coder("converged/relu", 0.008, 3), coder("converged/identity", 0.012, 3)]
    floor = coder("pca", 0.0125, 1, train=0.012)
    found = judged(
        tmp_path,
        claim("C4-loss"),
        coder("identity", identity, train=train),
        coder("relu", 0.02),
        *converged,
        floor,
    )
    assert found.verdict == verdict
    assert "validation error of relu (0.02) less identity" in found.reason
    assert "(relu is better, 3 seeds)" in found.reason
    assert "PCA of the same rank: train 0.012 (identity 1." in found.reason


def test_where_the_librarys_tolerance_would_have_stopped_stands_beside(tmp_path: Path) -> None:
    whole = judged(tmp_path, claim("C4-loss"), coder("identity", 0.017), coder("relu", 0.02))
    assert "default tolerance stops neither before epoch 30" in whole.reason
    early = coder("identity", 0.017, falling=9)
    found = judged(tmp_path / "b", claim("C4-loss"), early, coder("relu", 0.02))
    assert found.verdict == whole.verdict == "reproduced"
    # Eleven epochs without progress end it, ten before the last: 0.01 more error.
    assert "identity after 21 and relu after 30 of 30 epochs on average" in found.reason
    assert "validation error of relu less identity is -0.006 [" in found.reason


def test_the_order_of_two_autoencoders_is_open_without_the_seeds_for_it(tmp_path: Path) -> None:
    few = judged(tmp_path, claim("C4-loss"), coder("identity", 0.01, 4), coder("relu", 0.02, 4))
    assert (few.verdict, few.seeds_needed) == ("inconclusive", 10)
    assert "converged" not in few.reason
    assert "PCA" not in few.reason
    lost = judged(tmp_path, claim("C4-loss"), coder("identity", 0.01, lost=1), coder("relu", 0.02))
    assert (lost.verdict, lost.reason) == ("inconclusive", "1 of 10 runs of identity diverged")
    beside = [coder("converged/relu", seeds=2), coder("converged/identity", seeds=2)]
    found = judged(tmp_path, claim("C4-loss"), coder("identity", 0.01), coder("relu"), *beside)
    assert "converged: 2 seeds only" in found.reason


@pytest.mark.parametrize(
    ("edges", "ssim", "verdict"),
    [
        (0.6, 0.65, "reproduced"),
        (0.4, 0.65, "contradicted"),
        (0.501, 0.65, "contradicted"),
        # More gradients in images that are less like the originals may be noise.
        (0.6, 0.55, "inconclusive"),
    ],
)
def test_sharper_is_more_gradient_energy_and_no_less_likeness(
    tmp_path: Path, edges: float, ssim: float, verdict: str
) -> None:
    arms = coder("identity", edges=edges, ssim=ssim), coder("relu", edges=0.5, ssim=0.6)
    found = judged(tmp_path, claim("C4-sharp"), *arms)
    assert found.verdict == verdict
    assert ("less like the originals" in found.reason) == (verdict == "inconclusive")
    assert found.measured == pytest.approx(edges - 0.5, abs=0.005)


def test_more_gradients_than_the_originals_have_are_not_sharper_edges(tmp_path: Path) -> None:
    arms = coder("identity", edges=1.2, ssim=0.65), coder("relu", edges=0.5, ssim=0.6)
    found = judged(tmp_path, claim("C4-sharp"), *arms)
    assert found.verdict == "inconclusive"
    assert found.reason.endswith("; more gradients than the originals have")


def test_the_arms_of_the_autoencoders_are_the_studys() -> None:
    protocol = autoencoder.Protocol(
        hidden=tuple(HIDDEN),
        batch=200,
        solver="adam",
        learning_rate=2e-5,
        epochs=100,
        sweep=(1e-4,),
        converged={"learning_rate": 5e-4, "epochs": 300},
    )
    named = {name for one in CLAIMS if one.family == autoencoder.NAME for name in one.evidence.arms}
    assert named | {"pca"} <= set(autoencoder.arms(protocol))


# Classifiers on their codes.


def classifier(name: str, level: float, seeds: int = 10, sd: float = 0.002, **rest) -> list:
    """Classifiers with a validation accuracy near `level`; nested errors, as few as possible."""
    chance = np.random.default_rng(sum(name.encode()))
    lost, tops = rest.pop("lost", 0), rest.pop("tops", 0.6)
    found = []
    for seed in range(seeds):
        right = np.zeros(IMAGES, np.uint8)
        right[: round((level + chance.normal(0, sd)) * IMAGES)] = 1
        metrics = {
            "validation_accuracy": float(right.mean()),
            "train_accuracy": rest.get("train", 0.9),
            "test_accuracy": rest.get("test", level) + chance.normal(0, sd),
            "tops_share": tops if tops is None else tops + chance.normal(0, 0.01),
            "tops_expected": rest.get("even", 0.13),
        }
        # `kind` of the images are given a class of the right kind: shirts are called coats.
        of_kind = round(rest.get("kind", 0.95) * IMAGES)
        counts = np.zeros((10, 10), np.int32)
        counts[8, 8], counts[6, 4], counts[3, 0] = 500, of_kind - 500, IMAGES - of_kind
        result = Result(
            {key: Metric(value, IMAGES) for key, value in metrics.items()},
            status="diverged" if seed < lost else "ok",
            arrays={"validation_correct": right, "validation_confusion": counts},
        )
        found.append(Finished(Trial("code_classifier", name, seed, {}), result, f"{name}{seed}"))
    return found


def test_the_reading_of_the_table_does_not_change_the_verdict_but_is_told(tmp_path: Path) -> None:
    one = claim("C5-relu-feat")
    same = judged(tmp_path, one, classifier("code/relu", 0.791))
    assert same.verdict == "reproduced"
    assert "; read as test accuracy it would be the same (mean 0.79" in same.reason
    other = judged(tmp_path, one, classifier("code/relu", 0.791, test=0.72))
    assert other.verdict == "reproduced"
    assert "it would be contradicted instead (mean 0.72" in other.reason
    away = judged(tmp_path, one, classifier("code/relu", 0.72, test=0.791))
    assert (away.verdict, away.margin) == ("contradicted", 0.01)
    # A thousand images more or less like these.
    near = judged(tmp_path, one, classifier("code/relu", 0.76, test=0.791))
    assert (near.verdict, near.reason[:7]) == ("inconclusive", "images:")
    row = judge_claim(one, Family(loaded(tmp_path, classifier("code/relu", 0.791)), {}, "paper"))
    assert row["reason"].startswith("given 6 fitted choices")


def test_the_raw_column_is_that_of_the_validation_images() -> None:
    for name in ("relu", "identity"):
        raw, validation = claim(f"C5-{name}-raw"), claim(f"C2-{name}-vaacc")
        assert raw.printed == validation.printed
        assert raw.evidence.metric == validation.evidence.metric
        two = f"{claim(f'C5-{name}-feat').printed} {raw.printed}"
        assert claim("C5-slight").evidence.threshold(name) == two


def reduced(tmp_path: Path, relu: float, identity: float, seeds: int = 10, **rest) -> Outcome:
    arms = [classifier(f"raw/{name}", 0.83, seeds) for name in ("relu", "identity")]
    arms += [classifier("code/relu", relu, seeds, **rest)]
    arms += [classifier("code/identity", identity, seeds)]
    return judged(tmp_path, claim("C5-slight"), *arms)


@pytest.mark.parametrize(
    ("relu", "identity", "verdict"),
    [
        (0.80, 0.81, "reproduced"),
        # Too large for one; none for one; a gain for one.
        (0.70, 0.81, "contradicted"),
        (0.83, 0.81, "contradicted"),
        (0.86, 0.81, "contradicted"),
        (0.78, 0.81, "inconclusive"),
    ],
)
def test_a_slight_reduction_is_one_and_is_at_most_a_twentieth(
    tmp_path: Path, relu: float, identity: float, verdict: str
) -> None:
    found = reduced(tmp_path, relu, identity)
    assert found.verdict == verdict
    assert "the print itself, 0.046 and 0.009, passes" in found.reason


def test_a_reduction_needs_ten_seeds_that_did_not_diverge(tmp_path: Path) -> None:
    few = reduced(tmp_path, 0.80, 0.81, 4)
    assert (few.verdict, few.seeds_needed) == ("inconclusive", 10)
    lost = reduced(tmp_path, 0.80, 0.81, lost=1)
    assert lost.reason == "1 of 10 runs of code/relu diverged"


def transfer(tmp_path: Path, smaller: float = 0.80, seeds: int = 10, **levels: float) -> Outcome:
    at = {"relu": 0.75, "identity": 0.75, "raw": 0.6, "random": 0.6, "pca": 0.75} | levels
    arms = [classifier(f"budget/{name}/100", level, seeds) for name, level in at.items()]
    arms += [classifier(f"budget/{name}/300", 0.7, seeds) for name in at]
    arms += [classifier(f"code/{name}", 0.80, seeds) for name in ("relu", "identity")]
    arms += [classifier(f"smaller/{name}", smaller, seeds) for name in ("relu", "identity")]
    return judged(tmp_path, claim("C5-transfer"), *arms)


@pytest.mark.parametrize(
    ("change", "verdict", "told"),
    [
        ({}, "reproduced", "100 labels holds, that a smaller model serves holds"),
        (
            {"raw": 0.8},
            "contradicted",
            "100 labels does not hold, that a smaller model serves holds",
        ),
        # A projection in which nothing is learned does as well; one autoencoder of the two fails.
        ({"random": 0.75}, "contradicted", "100 labels does not hold"),
        ({"identity": 0.5}, "contradicted", "100 labels does not hold"),
        ({"smaller": 0.7}, "contradicted", "holds, that a smaller model serves does not hold"),
        ({"smaller": 0.78}, "inconclusive", "holds, that a smaller model serves is open"),
        # PCA decides nothing.
        ({"pca": 0.9}, "reproduced", "budget/relu/100 less budget/pca/100 -0.1"),
    ],
)
def test_transfer_is_a_benefit_where_labels_are_few_and_with_a_smaller_model(
    tmp_path: Path, change: dict, verdict: str, told: str
) -> None:
    found = transfer(tmp_path, **change)
    assert found.verdict == verdict
    assert told in found.reason
    assert "; with 300 labels relu 0.70" in found.reason


@pytest.mark.parametrize(("linear", "verdict"), [(0.95, "inconclusive"), (0.85, "contradicted")])
def test_a_network_that_has_not_learned_its_codes_contradicts_nothing(
    tmp_path: Path, linear: float, verdict: str
) -> None:
    # Networks get 0.9 of the training images right; a linear classifier may get more.
    probes = [classifier(f"probe/{name}", 0.8, train=linear) for name in ("relu", "identity")]
    arms = [classifier(f"code/{name}", 0.7) for name in ("relu", "identity")]
    arms += [classifier(f"raw/{name}", 0.84) for name in ("relu", "identity")]
    found = judged(tmp_path, claim("C5-slight"), *arms, *probes)
    assert found.verdict == verdict
    assert found.reason.startswith("reading: ") == (verdict == "inconclusive")
    assert ("relu 0.900 (linear 0.950)" in found.reason) == (verdict == "inconclusive")


def test_transfer_needs_ten_seeds(tmp_path: Path) -> None:
    few = transfer(tmp_path, seeds=5)
    assert (few.verdict, few.seeds_needed) == ("inconclusive", 10)


def confused(tmp_path: Path, relu: float | None, identity: float, **rest) -> Outcome:
    level = rest.pop("level", 0.8)
    arms = [classifier("code/relu", level, tops=relu, **rest)]
    arms += [classifier("code/identity", level, tops=identity, **rest)]
    arms += [classifier(f"raw/{name}", 0.84, tops=0.65) for name in ("relu", "identity")]
    return judged(tmp_path, claim("C5-confusion"), *arms)


@pytest.mark.parametrize(
    ("relu", "identity", "kind", "verdict"),
    [
        (0.7, 0.7, 0.95, "reproduced"),
        (0.3, 0.7, 0.95, "contradicted"),
        (0.5, 0.7, 0.95, "inconclusive"),
        # The general class is often wrong as well.
        (0.7, 0.7, 0.8, "contradicted"),
        (0.7, 0.7, 0.9, "inconclusive"),
    ],
)
def test_tops_are_hard_and_the_general_class_is_not(
    tmp_path: Path, relu: float, identity: float, kind: float, verdict: str
) -> None:
    found = confused(tmp_path, relu, identity, kind=kind)
    assert found.verdict == verdict
    assert f"a class of the right kind for {kind:.3f} [" in found.reason
    assert "share of the errors on raw pixels: raw/relu 0.65" in found.reason


def test_the_tops_and_the_kinds_are_those_of_the_study() -> None:
    kinds = str(claim("C5-confusion").evidence.threshold("kinds")).split()
    assert [int(one) for one in kinds[0]] == code_classifier.TOPS
    assert sorted("".join(kinds)) == [str(one) for one in range(10)]
    named = [[fashion.NAMES[int(one)] for one in kind] for kind in kinds[1:]]
    assert named == [["trouser"], ["dress"], ["sandal", "sneaker", "ankle boot"], ["bag"]]


def test_the_arms_of_the_classifiers_are_the_studys() -> None:
    protocol = code_classifier.Protocol(
        network={
            "hidden": (4,), "solver": "adam", "learning_rate": 1e-3, "batch": 64, "epochs": 2,
            "tolerance": None,
        },
        smaller=(32, 32),
        budgets=(100, 300),
        budget_activation="relu",
        probe={"C": 1.0, "iterations": 10},
    )  # fmt: skip
    study = code_classifier.NAME
    named = {name for one in CLAIMS if one.family == study for name in one.evidence.arms}
    assert named <= set(code_classifier.arms(protocol))


def test_tops_must_be_hard_beyond_what_even_errors_give(tmp_path: Path) -> None:
    found = confused(tmp_path, 0.6, 0.6, even=0.4, level=0.9)
    assert found.verdict == "contradicted"
    assert "(at least 0.800; errors spread evenly give 0.400)" in found.reason
    none = confused(tmp_path, None, 0.6)
    assert (none.verdict, none.reason) == ("inconclusive", "code/relu: a run has no error")

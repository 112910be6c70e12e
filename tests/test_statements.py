"""Named tests of printed statements, on synthetic records with answers known beforehand."""

from pathlib import Path

import numpy as np
import pytest

from retrial.core import records
from retrial.core.errors import RetrialError
from retrial.core.records import Finished, Records
from retrial.core.trial import Metric, Result, Trial
from retrial.judging.ledger import Claim, Evidence
from retrial.judging.outcome import Outcome
from retrial.judging.statements import TESTS


def claim(printed: str = "", **evidence: object) -> Claim:
    return Claim(
        id="c",
        report="009",
        family="toy",
        where="here",
        quote="q",
        statement="s",
        kind="statement",
        printed=printed,
        evidence=Evidence(**evidence),
    )


def run(arm: str, seed: int, metrics: dict | None = None, **rest: object) -> Finished:
    config = rest.pop("config", {})
    measured = {
        name: value if isinstance(value, Metric) else Metric(value, 1000)
        for name, value in (metrics or {}).items()
    }
    return Finished(Trial("toy", arm, seed, config), Result(measured, **rest), f"{arm}{seed}")


def judged(tmp_path: Path, trials: list[Finished], one: Claim, skipped: tuple = ()) -> Outcome:
    records.write(tmp_path, "toy", trials, skipped, {})
    assert one.evidence.test is not None
    return TESTS[one.evidence.test](one, Records.load(tmp_path))


@pytest.mark.parametrize(
    ("classes", "accuracies", "verdict"),
    [
        ((1, 1, 7), (0.112, 0.112, 0.104), "reproduced"),
        ((None, None, None), (0.112, 0.3, 0.4), "contradicted"),
        ((1, None, 7), (0.112, 0.3, 0.104), "inconclusive"),
        ((7, 7, 7), (0.104, 0.104, 0.104), "contradicted"),
        ((7, 1, 3), (0.104, 0.112, 0.102), "inconclusive"),
    ],
)
def test_a_constant_predictor_is_judged_by_counts(
    tmp_path: Path, classes: tuple, accuracies: tuple, verdict: str
) -> None:
    trials = [
        run("x", i, {"train_constant_class": c, "train_accuracy": a})
        for i, (c, a) in enumerate(zip(classes, accuracies, strict=True))
    ]
    thresholds = {"part": "train", "class": 1, "share": 0.5}
    one = claim("11.2", arm="x", test="constant_predictor", thresholds=thresholds)
    assert judged(tmp_path, trials, one).verdict == verdict


def zero_arms(changes: dict[str, float]) -> list[Finished]:
    return [
        run(f"{name}/zero", seed, {"weight_change_1": 0.0, "weight_change_2": changes.get(name, 0)})
        for name in ("sigmoid", "relu", "leakyrelu", "tanh")
        for seed in range(2)
    ]


def test_zero_weights_stay_unless_one_activation_moves_them(tmp_path: Path) -> None:
    others = ("sigmoid/zero", "leakyrelu/zero", "tanh/zero")
    one = claim(arm="relu/zero", others=others, test="zero_weights_stay")
    assert judged(tmp_path, zero_arms({}), one).verdict == "reproduced"
    found = judged(tmp_path, zero_arms({"sigmoid": 0.1}), one)
    assert found.verdict == "contradicted"
    assert "sigmoid/zero in layers 2" in found.reason


@pytest.mark.parametrize(
    ("naive", "tensor", "verdict"),
    [
        (None, "gradient of weight 1", "reproduced"),
        ([1, 1], "gradient of weight 1", "inconclusive"),
        ([1, 1], None, "contradicted"),
        (None, None, "contradicted"),
    ],
)
def test_what_lost_its_numbers_first(
    tmp_path: Path, naive: list | None, tensor: str | None, verdict: str
) -> None:
    detail: dict = {"naive": {"log_zero_float64": naive} if naive else {}}
    if tensor:
        detail |= {"epoch": 1, "step": 4, "tensor": tensor}
    spread = {"train_logit_spread": 3.0, "test_logit_spread": 3.0}
    trials = [
        run(f"{name}/{draw}", 0, spread, detail=detail, status="diverged" if tensor else "ok")
        for name in ("relu", "leakyrelu")
        for draw in ("random", "normal")
    ]
    others = ("relu/normal", "leakyrelu/random", "leakyrelu/normal")
    thresholds = {"share": 0.95}
    one = claim(arm="relu/random", others=others, test="nan_from_gradients", thresholds=thresholds)
    assert judged(tmp_path, trials, one).verdict == verdict


def grid(best: int, arm: str = "rbf/255", seed: int = 0) -> Finished:
    scores = np.full((3, 5), 0.5)
    scores[best] = 0.9
    arrays = {"C": np.array([0.1, 1.0, 10.0]), "scores": scores}
    if seed == 0 and not arm.startswith("subset"):
        arrays["scores_folds3"] = scores[:, :3]
    return run(arm, seed, config={"other_folds": [3]}, arrays=arrays)


def test_a_choice_is_the_grids_own_and_its_frequency_stands_beside(tmp_path: Path) -> None:
    trials = [grid(2), grid(2, "subset/rbf/255"), grid(1, "subset/rbf/255", 1)]
    chosen = judged(tmp_path, trials, claim("10", arm="rbf/255", test="grid_choice"))
    assert (chosen.verdict, chosen.measured) == ("reproduced", 10.0)
    assert "67% of 3 other searches" in chosen.reason
    other = judged(tmp_path, trials, claim("1", arm="rbf/255", test="grid_choice"))
    assert other.verdict == "contradicted"
    with pytest.raises(RetrialError, match="not in the grid"):
        judged(tmp_path, trials, claim("5", arm="rbf/255", test="grid_choice"))


def test_two_machines_are_compared_on_all_test_images(tmp_path: Path) -> None:
    a, b = np.ones(1000, np.uint8), np.ones(1000, np.uint8)
    b[:40], a[40:50] = 0, 0
    small = {"correct100": np.ones(100, np.uint8)}
    thresholds = {"printed": 94, "printed_against": 90}
    one = claim(arm="a", against="b", test="mcnemar", thresholds=thresholds)

    def compared(first: np.ndarray, second: np.ndarray) -> Outcome:
        trials = [
            run("a", 0, arrays={"correct": first, **small}),
            run("b", 0, arrays={"correct": second, **small}),
        ]
        return judged(tmp_path, trials, one)

    found = compared(a, b)
    assert (found.verdict, found.measured) == ("reproduced", pytest.approx(0.03))
    assert "alone gets 40 right, b alone 10" in found.reason
    assert "94 against 90 of 100, as printed, cannot give less than p = 0.12" in found.reason
    assert compared(b, a).verdict == "contradicted"
    assert compared(a, a).verdict == "inconclusive"


@pytest.mark.parametrize(
    ("accuracies", "verdict"),
    [((0.9, 0.9), "reproduced"), ((0.8, 0.9), "inconclusive"), ((0.8, 0.7), "contradicted")],
)
def test_all_some_or_no_readings_agree(tmp_path: Path, accuracies: tuple, verdict: str) -> None:
    trials = [
        run(f"s/{pixels}", 0, {"accuracy": Metric(accuracy, 100)})
        for pixels, accuracy in zip((255, 1), accuracies, strict=True)
    ]
    one = claim("0.90", arm="s/255", others=("s/1",), metric="accuracy", test="readings")
    assert judged(tmp_path, trials, one).verdict == verdict


@pytest.mark.parametrize(
    ("best", "verdict"),
    [((0.95, 0.96), "inconclusive"), ((0.95, 0.8), "inconclusive"), ((0.8, 0.7), "contradicted")],
)
def test_training_passes_through_an_accuracy(tmp_path: Path, best: tuple, verdict: str) -> None:
    trials = [
        run(
            "net",
            seed,
            {"test_accuracy": accuracy},
            curves={"images_seen": [100.0, 200.0], "test_accuracy": [0.5, accuracy]},
        )
        for seed, accuracy in enumerate(best)
    ]
    one = claim("0.92", arm="net", metric="test_accuracy", test="passes_through")
    found = judged(tmp_path, trials, one)
    assert found.verdict == verdict
    if verdict == "inconclusive":
        assert "after 200 images" in found.reason


def consistent(arm: str, level: float, seeds: int = 12, acc: float = 0.9) -> list[Finished]:
    rows = [np.random.default_rng(seed).random(400) * 0.02 + level for seed in range(seeds)]
    return [
        run(
            arm,
            seed,
            {
                "consistency": float(row.mean()),
                "consistency_near": float(row.mean()),
                "test_accuracy": acc,
            },
            arrays={"consistent": row},
        )
        for seed, row in enumerate(rows)
    ]


@pytest.mark.parametrize(
    ("lenet", "pooled", "verdict"),
    [(0.4, 0.9, "reproduced"), (0.1, 0.9, "contradicted"), (0.4, 0.3, "contradicted")],
)
def test_shared_weights_are_two_orders(
    tmp_path: Path, lenet: float, pooled: float, verdict: str
) -> None:
    trials = consistent("lenet", lenet) + consistent("mlp", 0.2) + consistent("pooled", pooled)
    one = claim(
        arm="lenet",
        against="mlp",
        others=("pooled", "lenet"),
        test="shared_weights",
        thresholds={"slack": 0.01},
    )
    assert judged(tmp_path, trials, one).verdict == verdict
    # A head that says the same of everything is consistent and shows nothing.
    blind = consistent("lenet", lenet) + consistent("mlp", 0.2) + consistent("pooled", 0.9, acc=0.1)
    assert judged(tmp_path, blind, one).verdict == "inconclusive"


@pytest.mark.parametrize(
    ("lenet", "mlp", "verdict"),
    [(0.97, 0.2, "reproduced"), (0.5, 0.2, "contradicted"), (0.97, 0.97, "contradicted")],
)
def test_invariance_has_a_threshold(tmp_path: Path, lenet: float, mlp: float, verdict: str) -> None:
    trials = consistent("lenet", lenet) + consistent("mlp", mlp)
    one = claim(arm="lenet", against="mlp", test="invariant", thresholds={"consistency": 0.95})
    assert judged(tmp_path, trials, one).verdict == verdict
    few = consistent("lenet", lenet, 2) + consistent("mlp", mlp, 2)
    assert judged(tmp_path, few, one).verdict == "inconclusive"


def test_a_proxy_measures_and_decides_nothing(tmp_path: Path) -> None:
    trials = consistent("lenet", 0.5)
    found = judged(tmp_path, trials, claim(arm="lenet", metric="consistency", test="proxy"))
    assert found.verdict == "untestable"
    assert found.measured == pytest.approx(0.51, abs=0.01)

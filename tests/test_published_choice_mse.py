"""Report 001: the choice in params.yaml is the one that the published search points to."""

from pathlib import Path

from published_records import published
from ruamel.yaml import YAML

from retrial.judging.choose_mse import DEEP, SMALL, readings
from retrial.judging.ledger import load_claims, of_family

ROOT = Path(__file__).parents[1]


def test_params_hold_the_choice_of_the_recorded_search() -> None:
    claims = of_family(load_claims(ROOT / "claims"), "mse_mlp")
    best = readings(claims, published("mse_search"))[0]
    params = YAML(typ="safe").load((ROOT / "params.yaml").read_text())["mse_mlp"]
    assert params["initialiser"] == best.initialiser
    assert params["inputs"] == best.inputs
    assert params["learning_rate"]["small"] == best.learning_rate


def test_the_search_ran_on_seeds_that_the_judgement_does_not_use() -> None:
    search = published("mse_search")
    judged = published("mse_mlp")
    assert not {t["seed"] for t in search.trials} & {t["seed"] for t in judged.trials}


def test_the_search_saw_three_epochs_of_each_network() -> None:
    search = published("mse_search")
    assert {arm.split("/")[0] for arm in search.arms()} == {*SMALL, *DEEP}
    assert {trial["config"]["epochs"] for trial in search.trials} == {3}

"""Report 002, C: the choice in params.yaml is the one that the published search points to."""

from pathlib import Path

from published_records import published
from ruamel.yaml import YAML

from retrial.judging.choose_library import ACTIVATIONS, readings
from retrial.judging.ledger import load_claims, of_family

ROOT = Path(__file__).parents[1]


def test_params_hold_the_choice_of_the_recorded_search() -> None:
    claims = of_family(load_claims(ROOT / "claims"), "library_mlp")
    best = readings(claims, published("library_search"))[0]
    chosen = YAML(typ="safe").load((ROOT / "params.yaml").read_text())["library_mlp"]["network"]
    assert tuple(chosen.pop("hidden")) == best.hidden
    assert chosen == {
        "solver": best.solver,
        "learning_rate": best.learning_rate,
        "batch": best.batch,
        "epochs": best.epochs,
        "tolerance": best.tolerance,
    }


def test_the_search_ran_on_seeds_that_the_judgement_does_not_use() -> None:
    search = published("library_search")
    judged = published("library_mlp")
    assert not {t["seed"] for t in search.trials} & {t["seed"] for t in judged.trials}


def test_the_search_saw_four_printed_numbers_and_they_are_marked() -> None:
    claims = of_family(load_claims(ROOT / "claims"), "library_mlp")
    fitted = {(one.evidence.arm, one.evidence.metric) for one in claims if one.fitted}
    assert fitted == {(activation, "validation_loss") for activation in ACTIVATIONS}

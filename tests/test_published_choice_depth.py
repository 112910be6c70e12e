"""Report 004, 1 B: the choice in params.yaml is the one that the published search points to."""

from pathlib import Path

from published_records import published
from ruamel.yaml import YAML

from retrial.judging.choose_depth import Choice, deep_candidates, readings
from retrial.judging.ledger import load_claims, of_family

ROOT = Path(__file__).parents[1]
PARAMS = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
CLAIMS = of_family(load_claims(ROOT / "claims"), "depth")


def parameters(choice: Choice) -> dict:
    return {name: getattr(choice, name) for name in Choice.PARAMETERS}


def test_params_hold_the_choice_of_the_recorded_search() -> None:
    best = parameters(readings(CLAIMS, published("depth_search"))[0])
    assert PARAMS["depth"]["training"] == best
    # What report 003 says of initial weights and activations is tried on the same networks.
    assert PARAMS["initialisation"]["training"] == best
    assert PARAMS["activations"]["training"] == best


def test_the_deep_round_trains_what_the_shallow_one_puts_first() -> None:
    found = deep_candidates(readings(CLAIMS, published("depth_search")))
    assert PARAMS["depth_search"]["deep_candidates"] == [parameters(one) for one in found]
    kinds = {(one.optimiser, one.initialiser) for one in found}
    assert len(kinds) == len(found) == 9


def test_the_search_ran_on_seeds_that_the_judgement_does_not_use() -> None:
    search = published("depth_search")
    judged = published("depth")
    assert not {t["seed"] for t in search.trials} & {t["seed"] for t in judged.trials}


def test_the_search_saw_six_printed_numbers_and_they_are_marked() -> None:
    fitted = {one.evidence.arm for one in CLAIMS if one.fitted}
    assert fitted == {"relu/5", "tanh/5", "sigmoid/5"}
    assert sum(bool(one.fitted) for one in CLAIMS) == 6

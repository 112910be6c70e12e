"""The choice in params.yaml is the one that the published search points to."""

from pathlib import Path

from published_records import published
from ruamel.yaml import YAML

from retrial.judging.choose import candidates, printed_cells, ranked
from retrial.judging.ledger import load_claims, of_family

ROOT = Path(__file__).parents[1]


def test_params_hold_the_choice_of_the_recorded_search() -> None:
    cells = printed_cells(of_family(load_claims(ROOT / "claims"), "scratch_grid"))
    best = ranked(candidates(published("scratch_search")), cells)[0]
    params = YAML(typ="safe").load((ROOT / "params.yaml").read_text())["scratch_grid"]
    assert (params["random"]["distribution"], params["random"]["scale"]) == best.random
    assert params["normal_scale"] == best.normal
    assert params["learning_rate"] == best.learning_rate
    assert params["epochs"] == best.epochs


def test_the_search_ran_on_seeds_that_the_judgement_does_not_use() -> None:
    search = published("scratch_search")
    judged = published("scratch_grid")
    assert not {t["seed"] for t in search.trials} & {t["seed"] for t in judged.trials}


def test_the_search_saw_few_printed_numbers_and_they_are_marked() -> None:
    claims = of_family(load_claims(ROOT / "claims"), "scratch_grid")
    cells = printed_cells(claims)
    seen = {(arm, metric) for arm, metrics in cells.items() for metric in metrics}
    fitted = {
        (c.evidence.arm, c.evidence.metric) for c in claims if "the learning rate" in c.fitted
    }
    assert seen == fitted
    assert len(seen) == 8

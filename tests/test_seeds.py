import numpy as np

from retrial.core.seeds import generator, integer


def test_equal_keys_give_equal_draws_and_others_do_not() -> None:
    first = generator("study", 3, "order").random(5)
    assert np.array_equal(first, generator("study", 3, "order").random(5))
    assert not np.array_equal(first, generator("study", 3, "init").random(5))
    assert not np.array_equal(first, generator("study", 4, "order").random(5))


def test_key_parts_do_not_run_together() -> None:
    assert integer("ab", "c") != integer("a", "bc")


def test_a_draw_is_the_same_on_every_machine() -> None:
    # Written down once: a change of the seed tree changes every record of the study.
    assert integer("scratch_grid", 0, "order") == 4001400207338540281

"""A miniature of two stages, killed at a few random moments; `make fire` does it 50 times."""

from pathlib import Path

from fire import differing, fire


def test_differing_counts_bytes() -> None:
    assert differing({"a": b"abc", "b": b"x"}, {"a": b"abd", "b": b"x"}) == 1
    assert differing({"a": b"abc"}, {"b": b"xy"}) == 5
    assert differing({"a": b"abc"}, {"a": b"ab"}) == 1


def test_killed_at_any_moment_it_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    outcomes = list(fire(tmp_path, kills=4, seed=1))
    assert len(outcomes) == 4
    # At least one had something to lose.
    assert any(outcome.kept for outcome in outcomes)
    for outcome in outcomes:
        assert (outcome.twice, outcome.different, outcome.orphans) == (0, 0, 0), outcome
        assert not outcome.failed

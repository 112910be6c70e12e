"""The recorded searches for what reports leave open: one a family, and how it is read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from retrial.core.records import Records
from retrial.judging import choose, choose_depth, choose_library, choose_mse
from retrial.judging.ledger import Claim


@dataclass(frozen=True)
class Search:
    """The search behind a family's open choices.

    `study` left its records. `readings` are all that these allow, the best first.
    `other_reading` tells, of a number that the chosen reading contradicts, why another reading may
    not. None where the search trained for a few epochs only: the print's whole run is judged, and
    no other reading of the search says what that would have given. `other_statement` tells the same
    of a sentence, where the search recorded what decides it.
    """

    study: str
    readings: Callable[[Sequence[Claim], Records], Sequence[Any]]
    other_reading: Callable[[Claim, Records, float], str | None] | None
    other_statement: Callable[[Claim, Records], str | None] | None = None


SEARCHES = {
    "scratch_grid": Search("scratch_search", choose.readings, choose.other_reading),
    "mse_mlp": Search("mse_search", choose_mse.readings, None),
    "library_mlp": Search("library_search", choose_library.readings, choose_library.other_reading),
    "depth": Search(
        "depth_search",
        choose_depth.readings,
        choose_depth.other_reading,
        choose_depth.other_statement,
    ),
}

"""The records that the project has published, for tests that read them."""

import atexit
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from retrial.core.records import Records
from retrial.tools.places import PUBLISHED
from retrial.tools.published import laid_out

FOLDER = Path(__file__).parents[1] / PUBLISHED
# Records read their curves and arrays when asked: what they read from stays until all tests end.
OPEN = ExitStack()
atexit.register(OPEN.close)


@cache
def published(study: str) -> Records:
    """The published records of a study."""
    return Records.load(OPEN.enter_context(laid_out(FOLDER, [study])) / study)

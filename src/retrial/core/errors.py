"""One kind of error for what a user can mend, told in one line."""

import functools
import os
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

DEBUG_VARIABLE = "RETRIAL_DEBUG"


class RetrialError(Exception):
    """A mistake in the input, or a machine's refusal.

    The message is one line and names the file, the key, the value and what was expected.
    """


def reported(main: Callable[P, T]) -> Callable[P, T]:
    """Make `main` end with one clear line and exit status 1 instead of a traceback.

    `RetrialError` and `OSError` (no space left, a folder that cannot be written) are the user's
    to mend; anything else is a defect and keeps its traceback. RETRIAL_DEBUG=1 shows all.
    """

    @functools.wraps(main)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return main(*args, **kwargs)
        except (RetrialError, OSError) as error:
            if os.environ.get(DEBUG_VARIABLE):
                raise
            print(f"error: {describe(error)}", file=sys.stderr)
            sys.exit(1)

    return wrapper


def describe(error: BaseException) -> str:
    """The one line that a user is shown for `error`."""
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror.lower()}"
    return str(error)

"""The arm that the validation domain chooses."""

import numpy as np

from retrial.core.errors import RetrialError
from retrial.core.records import Records

CHOOSES = "moved"


def chosen(records: Records) -> str:
    """The arm with the best mean accuracy on moved and scaled MNIST; of equals the earlier one.

    No other domain is looked at. RetrialError when no arm was run.
    """
    arms = records.arms()
    if not arms:
        raise RetrialError(f"{records.folder}: no arm was run, expected at least one")
    means = [float(np.mean(records.metric(arm, f"accuracy_{CHOOSES}"))) for arm in arms]
    return arms[int(np.argmax(means))]

"""The errors for workers and clusters that are gone, each one line."""

from retrial.core.config import Compute
from retrial.core.errors import RetrialError

# Seconds within which a cluster and its first worker must answer.
PATIENCE = 10
# Calls that a cluster knows of at once, so that its memory does not grow with the study.
AHEAD = 2000
# What an error for lost workers ends in.
GO_ON = "finished trials are kept, run it again to go on"


def killed(advice: str) -> RetrialError:
    """The error for a worker that ended while it ran a trial."""
    return RetrialError(
        f"a worker was killed, most likely for want of memory; finished trials are kept, {advice} "
        "and run it again"
    )


def no_cluster(compute: Compute, error: Exception) -> RetrialError:
    """The error for a cluster that does not answer."""
    return RetrialError(
        f"params.yaml: compute.address = {compute.address!r}: no {compute.backend} cluster "
        f"answers there ({type(error).__name__}); start one or set compute.backend: local"
    )

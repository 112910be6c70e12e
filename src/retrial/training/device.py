"""Where torch computes."""

from typing import Literal

import torch

from retrial.core.errors import RetrialError

Device = Literal["auto", "cpu", "cuda"]


def resolve(wanted: Device) -> str:
    """The device that is meant, "cpu" or "cuda"; RetrialError for a GPU that is not there.

    Bytes are defined for the CPU only: a trial's config names its device, and so do its records.
    """
    present = torch.cuda.is_available()
    if wanted == "cuda" and not present:
        raise RetrialError("params.yaml: device = 'cuda': torch finds none, expected auto or cpu")
    return "cuda" if present and wanted != "cpu" else "cpu"

"""What configuration is made of: frozen, strict models and bounded numbers."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class FrozenModel(BaseModel):
    """A section of a configuration file: unknown keys and strings for numbers are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

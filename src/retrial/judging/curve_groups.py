"""The ledger's short way to state printed curves: one group, a claim for each printed epoch.

    evidence: {arm: sigmoid}
    curve:
      id: "001-P2-sigmoid-e{epoch:02d}-{column}"
      quote: "Epoch [{epoch}] Average training loss: {loss}, Average training accuracy: {acc}"
      statement: "in epoch {epoch}, the average training {name} is {printed}"
      columns:
        loss: {name: loss, metric: running_loss, quantity: loss, printed: 0.0771 0.0556}
        acc: {name: accuracy, metric: running_accuracy, quantity: accuracy, printed: 0.4956 0.7378}
      fitted_epochs: 1
      fitted: [the learning rate]

`printed` keeps the decimals, since it is one text; its numbers stand in the order of the epochs.
All claims of a column share one evidence, which makes them one curve. A column may state a
`margin_floor` with its `margin_reason`, which each of its claims carries.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from retrial.core.config import validated
from retrial.core.errors import RetrialError
from retrial.core.models import FrozenModel


class Column(FrozenModel):
    """One printed curve: the study's curve that it is compared with, and its numbers by epoch."""

    name: str
    metric: str
    quantity: Literal["accuracy", "loss"]
    printed: str
    margin_floor: float | None = None
    margin_reason: str = ""

    @property
    def margins(self) -> dict[str, Any]:
        """What the column's claims say of their margins; nothing where the column is silent."""
        stated = {"margin_floor": self.margin_floor, "margin_reason": self.margin_reason}
        return {key: value for key, value in stated.items() if value not in (None, "")}

    @property
    def numbers(self) -> list[str]:
        """The printed numbers, epoch 1 first, each with its decimals."""
        return self.printed.split()


class CurveGroup(FrozenModel):
    """What a group says of its curves.

    `id`, `quote` and `statement` are templates: {epoch}, {column}, {name}, {printed}, and for each
    column {its key}, the number that it prints in that epoch. `fitted` are the choices that were
    made with the first `fitted_epochs` epochs in view.
    """

    id: str
    quote: str
    statement: str
    columns: Annotated[dict[str, Column], Field(min_length=1)]
    fitted_epochs: Annotated[int, Field(ge=0)] = 0
    fitted: tuple[str, ...] = ()


def expand(content: Any, where: str) -> list[dict[str, Any]]:
    """The claims of a `curve` section, epoch by epoch, as the ledger's file would state them.

    Raises RetrialError, which begins with `where`, for columns of unequal length, a template with
    an unknown name, and fitted epochs without choices.
    """
    group = validated(content, CurveGroup, where)
    epochs = {key: len(column.numbers) for key, column in group.columns.items()}
    if len(set(epochs.values())) > 1 or 0 in epochs.values():
        told = ", ".join(f"{key} {count}" for key, count in epochs.items())
        raise RetrialError(f"{where}.columns: {told} numbers, expected equally many")
    if bool(group.fitted_epochs) != bool(group.fitted):
        raise RetrialError(f"{where}.fitted: expected choices where, and only where, epochs are")
    claims = []
    for epoch in range(1, max(epochs.values()) + 1):
        line = {key: column.numbers[epoch - 1] for key, column in group.columns.items()}
        for key, column in group.columns.items():
            names = {
                **line, "epoch": epoch, "column": key, "name": column.name, "printed": line[key]
            }  # fmt: skip
            claims.append(
                {
                    "id": _filled(group.id, names, f"{where}.id"),
                    "quote": _filled(group.quote, names, f"{where}.quote"),
                    "statement": _filled(group.statement, names, f"{where}.statement"),
                    "kind": "curve",
                    "epoch": epoch,
                    "printed": line[key],
                    "quantity": column.quantity,
                    "evidence": {"metric": column.metric},
                    "fitted": group.fitted if epoch <= group.fitted_epochs else (),
                    **column.margins,
                }
            )
    return claims


def _filled(template: str, names: dict[str, Any], where: str) -> str:
    try:
        return template.format(**names)
    except (KeyError, IndexError, ValueError) as error:
        known = ", ".join(sorted(names))
        raise RetrialError(f"{where} = {template!r}: {error}, expected of {known}") from None

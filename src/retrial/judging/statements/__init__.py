"""Named tests of printed statements, each with its thresholds in the ledger."""

from collections.abc import Callable

from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome
from retrial.judging.statements import (
    kernels,
    mse_dropout,
    mse_mlp,
    normalised,
    scratch_grid,
    shift,
    worked,
)

Test = Callable[[Claim, Records], Outcome]

TESTS: dict[str, Test] = {
    test.__name__: test
    for test in (
        scratch_grid.not_a_number,
        scratch_grid.constant_predictor,
        scratch_grid.nan_from_gradients,
        scratch_grid.zero_weights_stay,
        kernels.grid_choice,
        kernels.readings,
        kernels.sizes,
        kernels.mcnemar,
        shift.passes_through,
        shift.shared_weights,
        shift.invariant,
        shift.proxy,
        worked.worked_number,
        worked.worked_line,
        worked.own_product,
        mse_mlp.setup,
        mse_mlp.memorised,
        mse_mlp.own_code,
        mse_mlp.generalises_less,
        mse_dropout.prevents_overfitting,
        mse_dropout.dropout_faults,
        normalised.moves_less,
        normalised.regularises,
    )
}
# Those that the print alone decides: no budget cuts them short.
BY_PRINT = (mse_mlp.own_code,)

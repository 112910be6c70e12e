"""Named tests of printed statements, each with its thresholds in the ledger."""

from collections.abc import Callable

from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome
from retrial.judging.statements import (
    activations,
    attacks,
    autoencoders,
    codes,
    depth,
    gradients,
    handwriting,
    initialisation,
    kernels,
    library,
    library_grid,
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
        library.split_sizes,
        library.on_assumed_images,
        library.performs_best,
        library.converges_first,
        library.does_not_converge,
        library_grid.best_parameter,
        library_grid.adam_and_large_batches,
        autoencoders.autoencoder_setup,
        autoencoders.lower_loss,
        autoencoders.sharper_edges,
        codes.on_either_part,
        codes.slight_reduction,
        codes.transfers,
        codes.hard_tops,
        depth.best_where_shallow,
        depth.fails_to_generalise,
        depth.own_table_small,
        gradients.vanishes_within,
        gradients.small_not_vanishing,
        gradients.steady,
        gradients.biases_alike,
        gradients.similar_curves,
        gradients.smaller_gradients,
        initialisation.named_variance,
        initialisation.vanishes_or_explodes,
        initialisation.suits,
        activations.listed,
        attacks.accuracy_of_lost_network,
        attacks.reaches_every_target,
        attacks.still_seen,
        attacks.indistinguishable,
        handwriting.on_stand_ins,
        handwriting.better_on_stand_ins,
        handwriting.steps_do_not_help,
    )
}
# Those that the print alone decides: no budget cuts them short.
BY_PRINT = (mse_mlp.own_code, depth.own_table_small)

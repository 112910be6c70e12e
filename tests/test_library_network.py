"""The library network and its solvers beside scikit-learn's own, on the same draws."""

import warnings

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from retrial.nets.library_mlp import LibraryNetwork, clipped_log_loss
from retrial.training.library_fit import Schedule, fit

ACTIVATIONS = ("logistic", "tanh", "relu", "identity")
TASKS = ("classify", "regress")
RATES = {"adam": 0.01, "sgd": 0.05}
FEATURES, HIDDEN, OUTPUTS = 6, (7, 5), 3
# Large, so that a wrong penalty shows.
PENALTY = 0.1
SEED = 4


def problem(task, dtype=np.float64, examples=70):
    """Three classes, or three values, that six numbers tell: (inputs, targets)."""
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((examples, FEATURES)).astype(dtype)
    values = (np.tanh(inputs[:, :OUTPUTS]) - inputs[:, OUTPUTS:]).astype(dtype)
    return inputs, values.argmax(axis=1) if task == "classify" else values


def schedule(solver, epochs=8, batch=16, tolerance=None, rate=None):
    return Schedule(
        solver=solver,
        learning_rate=rate or RATES[solver],
        batch=batch,
        epochs=epochs,
        tolerance=tolerance,
    )


def ours(task, activation, plan, inputs, targets, hidden=HIDDEN):
    outputs = OUTPUTS if task == "classify" else targets.shape[1]
    network = LibraryNetwork(
        (inputs.shape[1], *hidden, outputs),
        activation,
        task,
        plan.batch,
        np.random.RandomState(SEED),
        PENALTY,
        inputs.dtype,
    )
    return network, fit(network, inputs, targets, plan)


def theirs(task, activation, plan, inputs, targets, hidden=HIDDEN):
    make = MLPClassifier if task == "classify" else MLPRegressor
    model = make(
        hidden_layer_sizes=hidden,
        activation=activation,
        solver=plan.solver,
        alpha=PENALTY,
        batch_size=plan.batch,
        learning_rate_init=plan.learning_rate,
        max_iter=plan.epochs,
        tol=plan.tolerance or 0,
        n_iter_no_change=10 if plan.tolerance else plan.epochs,
        random_state=np.random.RandomState(SEED),
    )
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "Got `batch_size` less than 1 or larger")
        return model.fit(inputs, targets)


def both(task, activation, plan, dtype=np.float64, **settings):
    """The two, trained; with the examples."""
    inputs, targets = problem(task, dtype)
    network, found = ours(task, activation, plan, inputs, targets, **settings)
    model = theirs(task, activation, plan, inputs, targets, **settings)
    return network, found, model, inputs


def told(model, inputs):
    return model.predict_proba(inputs) if hasattr(model, "predict_proba") else model.predict(inputs)


@pytest.mark.parametrize("solver", RATES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("task", TASKS)
def test_training_is_scikit_learns(task, activation, solver):
    network, found, model, inputs = both(task, activation, schedule(solver))
    np.testing.assert_allclose(found.losses, model.loss_curve_, rtol=1e-11)
    assert found.losses[0] - found.losses[-1] > 0.01
    for mine, weights in zip(network.weights, model.coefs_, strict=True):
        np.testing.assert_allclose(mine, weights, rtol=1e-10, atol=1e-11)
    for mine, biases in zip(network.biases, model.intercepts_, strict=True):
        np.testing.assert_allclose(mine, biases, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(network.outputs(inputs), told(model, inputs), rtol=1e-10)


@pytest.mark.parametrize("solver", RATES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("task", TASKS)
def test_training_in_float32_is_scikit_learns_but_for_rounding(task, activation, solver):
    network, found, model, inputs = both(task, activation, schedule(solver), np.float32)
    assert network.parameters.dtype == model.coefs_[0].dtype == np.float32
    np.testing.assert_allclose(found.losses, model.loss_curve_, rtol=1e-5)
    outputs = network.outputs(inputs)
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(outputs, told(model, inputs), atol=1e-5)


@pytest.mark.parametrize("hidden", [(4,), (9, 3, 5, 8)])
@pytest.mark.parametrize("task", TASKS)
def test_other_depths_are_scikit_learns(task, hidden):
    network, found, model, inputs = both(task, "relu", schedule("adam"), hidden=hidden)
    np.testing.assert_allclose(found.losses, model.loss_curve_, rtol=1e-11)
    np.testing.assert_allclose(network.outputs(inputs), told(model, inputs), rtol=1e-10)


@pytest.mark.parametrize("batch", [1, 35, 70, 200])
def test_any_batch_is_scikit_learns(batch):
    # 35 divides the 70 examples, and there are no more than 70 for the last.
    network, found, model, inputs = both("classify", "tanh", schedule("sgd", batch=batch))
    np.testing.assert_allclose(found.losses, model.loss_curve_, rtol=1e-11)
    np.testing.assert_allclose(network.outputs(inputs), told(model, inputs), rtol=1e-10)


@pytest.mark.parametrize("solver", RATES)
def test_inputs_that_are_their_own_targets(solver):
    inputs, _ = problem("regress")
    plan = schedule(solver)
    network, found = ours("regress", "relu", plan, inputs, inputs)
    model = theirs("regress", "relu", plan, inputs, inputs)
    np.testing.assert_allclose(found.losses, model.loss_curve_, rtol=1e-11)
    np.testing.assert_allclose(network.outputs(inputs), model.predict(inputs), rtol=1e-10)


@pytest.mark.parametrize("solver", RATES)
@pytest.mark.parametrize("task", TASKS)
def test_a_tolerance_ends_training_in_the_librarys_epoch(task, solver):
    plan = schedule(solver, epochs=400, tolerance=1e-2)
    network, found, model, inputs = both(task, "relu", plan)
    assert 11 < model.n_iter_ < 400
    assert len(found.losses) == model.n_iter_
    np.testing.assert_allclose(network.outputs(inputs), told(model, inputs), rtol=1e-7)


def test_no_tolerance_never_ends_training_early():
    plan = schedule("sgd", epochs=60, rate=1e-9)
    assert len(both("classify", "relu", plan)[1].losses) == 60
    stopped = both("classify", "relu", plan.model_copy(update={"tolerance": 1e-4}))
    assert len(stopped[1].losses) == stopped[2].n_iter_ == 12


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_are_those_of_the_penalised_loss(activation, task):
    inputs, targets = problem(task, examples=9)
    sizes = (FEATURES, *HIDDEN, OUTPUTS)
    network = LibraryNetwork(
        sizes, activation, task, 9, np.random.RandomState(SEED), PENALTY, np.float64
    )
    network.backpropagate(inputs, targets)
    gradients = network.gradients.copy()
    differences = np.empty_like(gradients)
    for place in range(len(differences)):
        kept, around = network.parameters[place], []
        for step in (1e-6, -1e-6):
            network.parameters[place] = kept + step
            around.append(network.backpropagate(inputs, targets))
        network.parameters[place] = kept
        differences[place] = (around[0] - around[1]) / 2e-6
    # The library's gradient of a mean over outputs is that of the sum, its penalty's is the same.
    data = OUTPUTS if task == "regress" else 1
    weights, _ = network.views(differences)
    for weight, gradient in zip(network.weights, weights, strict=True):
        gradient += (1 / data - 1) * PENALTY / len(inputs) * weight
    np.testing.assert_allclose(gradients, data * differences, rtol=1e-6, atol=1e-8)


FUNCTIONS = {
    "logistic": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "identity": lambda x: x,
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_hidden_outputs_are_those_after_the_activation(activation):
    network, _, _, inputs = both("classify", activation, schedule("adam"))
    assert len(inputs) > network.batch
    x = inputs
    for layer in (1, 2):
        x = FUNCTIONS[activation](x @ network.weights[layer - 1] + network.biases[layer - 1])
        np.testing.assert_allclose(network.hidden_outputs(inputs, layer), x, rtol=1e-12)


def test_an_epoch_is_followed_by_the_callers_own():
    inputs, targets = problem("classify")
    plan = schedule("adam", epochs=5)
    sizes = (FEATURES, *HIDDEN, OUTPUTS)
    network = LibraryNetwork(sizes, "relu", "classify", 16, np.random.RandomState(0))
    seen = []
    with_look = fit(
        network,
        inputs.astype(np.float32),
        targets,
        plan,
        lambda: seen.append(network.outputs(inputs.astype(np.float32)).copy()),
    )
    assert len(seen) == len(with_look.losses) == 5
    assert (seen[0] != seen[-1]).any()
    again = LibraryNetwork(sizes, "relu", "classify", 16, np.random.RandomState(0))
    # Looking at the network on the way changes nothing.
    assert fit(again, inputs.astype(np.float32), targets, plan).losses == with_look.losses
    np.testing.assert_array_equal(again.parameters, network.parameters)


def diverges(plan, inputs, targets):
    """Whether scikit-learn's own network ends in a loss or a weight that is not finite."""
    try:
        return not np.isfinite(theirs("regress", "identity", plan, inputs, targets).loss_)
    except ValueError as error:
        return "non-finite parameter weights" in str(error)


def test_divergence_is_told_with_its_epoch():
    inputs, targets = problem("regress")
    plans = [schedule("sgd", epochs=epochs, rate=0.5) for epochs in range(1, 50)]
    epoch = next(plan.epochs for plan in plans if diverges(plan, inputs, targets))
    assert epoch > 1
    seen = []
    sizes = (FEATURES, *HIDDEN, OUTPUTS)
    network = LibraryNetwork(
        sizes, "identity", "regress", 16, np.random.RandomState(SEED), PENALTY, np.float64
    )
    found = fit(network, inputs, targets, plans[-1], lambda: seen.append(0))
    assert (found.divergence, len(found.losses), len(seen)) == (epoch, epoch, epoch - 1)
    assert both("regress", "identity", schedule("sgd"))[1].divergence is None


def test_weights_that_overflow_after_a_finite_loss_have_diverged():
    inputs, targets = problem("regress")
    plan = schedule("sgd", batch=70, rate=1.7e308)
    _, found = ours("regress", "identity", plan, inputs, 1000 * targets)
    assert np.isfinite(found.losses).tolist() == [True]
    assert found.divergence == 1


def test_a_probability_of_zero_costs_no_infinity():
    assert clipped_log_loss(np.array([0.0, 1.0])) == pytest.approx(
        -np.log(np.finfo(np.float64).eps) / 2
    )
    assert clipped_log_loss(np.array([0.5, 0.25], np.float32)) == pytest.approx(1.5 * np.log(2))


@pytest.mark.parametrize(("sizes", "named"), [((4, 0, 3), "1 = 0"), ((4, 3, -2), "2 = -2")])
def test_a_layer_of_no_units_is_named(sizes, named):
    with pytest.raises(ValueError, match=f"^size of layer {named}: expected at least 1 unit$"):
        LibraryNetwork(sizes, "relu", "classify", 8, np.random.RandomState(0))


@pytest.mark.parametrize(
    "wrong",
    [{"solver": "lbfgs"}, {"learning_rate": 0.0}, {"batch": 0}, {"tolerance": 0.0}],
)
def test_a_schedule_refuses(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Schedule(**(schedule("adam").model_dump() | wrong))

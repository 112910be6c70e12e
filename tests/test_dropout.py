import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from retrial.core.seeds import generator
from retrial.judging.dropout_faults import DROPOUT_FAULTS, keeps_expectation, masks_at_evaluation
from retrial.nets.dropout import Dropout

RATES = (0.1, 0.3, 0.5, 0.9)


def layer(rate=0.5, batch=4, width=1000, scaling="inverted", dtype=np.float64, seed=0):
    return Dropout(rate, batch, width, dtype, generator("test", seed), scaling)


def of_layer(rate, scaling, masked):
    """Our layer as a function of (x, training), evaluated with its mask on where `masked`."""
    built = layer(rate, 1, 1_000_000, scaling)

    def dropout(x, training):
        built.active = training or masked
        return built.forward(x)

    return dropout


@pytest.mark.parametrize("rate", RATES)
def test_the_share_of_dropped_units_is_the_rate(rate):
    dropped = layer(rate, 100, 10_000).forward(np.ones((100, 10_000))) == 0
    # A million units: the share is known within five standard errors.
    assert dropped.mean() == pytest.approx(rate, abs=5 * np.sqrt(rate * (1 - rate) / 1e6))


@pytest.mark.parametrize("rate", RATES)
def test_the_expected_output_is_the_input(rate):
    x = np.random.default_rng(1).uniform(0.5, 2, (1, 50))
    masked, calls = layer(rate, 1, 50), 20_000
    mean = sum(masked.forward(x).copy() for _ in range(calls)) / calls
    # 50 means, each within five standard errors of its input.
    np.testing.assert_array_less(abs(mean - x), 5 * x * np.sqrt(rate / (1 - rate) / calls))


def test_kept_units_are_divided_by_the_share_that_stays():
    found = layer(0.75).forward(np.full((4, 1000), 3.0))
    assert set(np.unique(found)) == {0.0, 12.0}


def test_unscaled_leaves_kept_units_as_they_are():
    found = layer(0.75, scaling="unscaled").forward(np.full((4, 1000), 3.0))
    assert set(np.unique(found)) == {0.0, 3.0}


@pytest.mark.parametrize("scaling", ["inverted", "unscaled"])
def test_at_evaluation_it_is_the_identity_and_draws_nothing(scaling):
    chance, untouched = generator("test"), generator("test")
    masked = Dropout(0.5, 4, 1000, np.float32, chance, scaling)
    masked.active = False
    x = np.random.default_rng(0).standard_normal((4, 1000)).astype(np.float32)
    np.testing.assert_array_equal(masked.forward(x.copy()), x)
    np.testing.assert_array_equal(masked.backward(x.copy()), x)
    assert chance.random() == untouched.random()


def test_rate_zero_keeps_every_unit():
    x = np.random.default_rng(0).standard_normal((4, 1000))
    np.testing.assert_array_equal(layer(0.0).forward(x), x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_element_type_stays(dtype):
    masked = layer(dtype=dtype)
    assert masked.forward(np.ones((4, 1000), dtype)).dtype == dtype
    assert masked.backward(np.ones((4, 1000), dtype)).dtype == dtype


def test_the_input_is_not_overwritten():
    x = np.ones((4, 1000))
    layer().forward(x)
    assert (x == 1).all()


def test_each_call_has_a_mask_of_its_own_and_equal_keys_have_equal_masks():
    one, other, another = layer(), layer(), layer(seed=1)
    x = np.ones((4, 1000))
    first, second = one.forward(x).copy(), one.forward(x).copy()
    np.testing.assert_array_equal(other.forward(x), first)
    np.testing.assert_array_equal(other.forward(x), second)
    # Two independent masks of 4,000 agree in half of their places; so do the rows of one.
    for mask in (second, another.forward(x)):
        assert np.mean(mask == first) == pytest.approx(0.5, abs=0.05)
    assert np.mean(first[0] == first[1]) == pytest.approx(0.5, abs=0.1)


@given(st.sampled_from(RATES), st.sampled_from(["inverted", "unscaled"]), st.integers(1, 4))
def test_gradients_agree_with_torch_and_with_differences(rate, scaling, examples):
    rng = np.random.default_rng(examples)
    masked = layer(rate, 4, 7, scaling)
    x, weight = rng.standard_normal((2, examples, 7))
    output = masked.forward(x).copy()
    mask = np.where(output == 0, 0.0, output / x)
    point = torch.tensor(x, requires_grad=True)
    (torch.tensor(weight) * torch.tensor(mask) * point).sum().backward()
    found = masked.backward(weight.copy())
    np.testing.assert_allclose(found, point.grad.numpy(), rtol=1e-12, atol=1e-15)

    def loss(at):
        again = layer(rate, 4, 7, scaling)  # draws the same mask
        return float((weight * again.forward(at)).sum())

    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = 1e-6
        numeric = (loss(x + step) - loss(x - step)) / 2e-6
        assert found[place] == pytest.approx(numeric, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("rate", [-0.1, 1, 1.0, 1.5, float("nan"), float("inf")])
def test_a_rate_outside_0_to_1_is_named(rate):
    with pytest.raises(ValueError, match=rf"dropout rate = {rate}: expected a number in \[0, 1\)"):
        layer(rate)


@pytest.mark.parametrize("rate", [0.01, *RATES])
@pytest.mark.parametrize("name", DROPOUT_FAULTS)
def test_each_detector_finds_its_fault_in_our_layer_and_no_other(name, rate):
    found = {
        other.name
        for other in DROPOUT_FAULTS.values()
        if DROPOUT_FAULTS[name].detect(of_layer(rate, other.scaling, other.masked))
    }
    assert found == {name}
    assert not DROPOUT_FAULTS[name].detect(of_layer(rate, "inverted", masked=False))


@pytest.mark.parametrize("name", DROPOUT_FAULTS)
@pytest.mark.parametrize("rate", [0.0, *RATES])
def test_each_detector_finds_its_line_of_code_and_no_other(name, rate):
    fault = DROPOUT_FAULTS[name]
    chance = generator("test", "lines")

    def line(code):
        def dropout(x, training):
            mask = chance.random(x.shape) >= rate
            # The line is a constant of this project's own table of faults.
            return eval(code, {"x": x, "mask": mask, "rate": rate, "training": training})  # noqa: S307

        return dropout

    assert not fault.detect(line(fault.right))
    found = {o.name for o in DROPOUT_FAULTS.values() if fault.detect(line(o.faulty))}
    assert found == ({name} if rate > 0 else set())


def test_torchs_dropout_and_the_classical_one_are_right():
    torch.manual_seed(0)

    def torchs(x, training):
        return torch.nn.functional.dropout(torch.tensor(x), 0.3, training).numpy()

    def classical(x, training):
        return x * (np.random.default_rng(0).random(x.shape) >= 0.3) if training else x * 0.7

    for dropout in (torchs, classical):
        assert keeps_expectation(dropout)
        assert not masks_at_evaluation(dropout)

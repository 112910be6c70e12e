import numpy as np
import pytest
from sklearn.decomposition import PCA

from retrial import encoders
from retrial.core.errors import RetrialError
from retrial.nets.library_mlp import LibraryNetwork


def sample(n=60, features=9, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, features)) @ rng.normal(size=(features, features)) + 3


def test_components_are_scikit_learns_up_to_sign():
    x = sample()
    own, theirs = encoders.principal_components(x, 4), PCA(4, svd_solver="full").fit(x)
    np.testing.assert_allclose(own.mean, theirs.mean_)
    np.testing.assert_allclose(own.variances, theirs.explained_variance_)
    np.testing.assert_allclose(np.abs(own.axes.T), np.abs(theirs.components_), atol=1e-9)
    np.testing.assert_allclose(
        own.reconstructions(x), theirs.inverse_transform(theirs.transform(x)), atol=1e-9
    )
    codes = own.encoder().codes(x)
    np.testing.assert_allclose(np.abs(codes), np.abs(theirs.transform(x)), atol=1e-9)


def test_the_largest_loading_of_each_axis_is_positive():
    x = sample()
    for inputs in (x, -x, x[::-1]):
        axes = encoders.principal_components(inputs, 9).axes
        np.testing.assert_allclose(axes.T @ axes, np.eye(9), atol=1e-12)
        assert (axes.max(axis=0) == np.abs(axes).max(axis=0)).all()
    np.testing.assert_allclose(
        encoders.principal_components(x, 5).axes, encoders.principal_components(-x, 5).axes
    )


@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_an_encoder_is_the_first_half_of_its_network(activation):
    x = sample(50, 9).astype(np.float32)
    network = LibraryNetwork((9, 7, 3, 7, 9), activation, "regress", 64, np.random.RandomState(0))
    encoder = encoders.Encoder(network.weights[:2], network.biases[:2], activation)
    np.testing.assert_array_equal(encoder.codes(x), network.hidden_outputs(x, 2))
    assert {name: one.shape for name, one in encoder.tensors().items()} == {
        "weight_0": (9, 7),
        "bias_0": (7,),
        "weight_1": (7, 3),
        "bias_1": (3,),
    }


def test_an_encoder_leaves_its_input_alone():
    x = sample()
    before = x.copy()
    encoders.principal_components(x, 2).encoder().codes(x)
    encoders.dead_units(x)
    encoders.effective_rank(x)
    np.testing.assert_array_equal(x, before)


def test_a_random_projection_keeps_squared_distances_on_average():
    drawn = np.concatenate(
        [
            encoders.random_projection(40, 30, np.random.default_rng(seed)).weights[0]
            for seed in range(40)
        ],
        axis=1,
    )
    assert drawn.dtype == np.float32
    # 1,200 columns, each the image of 40 unit vectors: mean square 1/30.
    assert np.mean(drawn**2) == pytest.approx(1 / 30, rel=0.03)
    assert np.abs(drawn.mean(axis=1)).max() < 0.03


def test_the_middle_of_an_autoencoder_is_its_code():
    assert encoders.widths((512, 128, 32, 128, 512)) == [512, 128, 32]
    assert encoders.widths([32]) == [32]
    with pytest.raises(ValueError, match="2 hidden layers: expected an odd number"):
        encoders.widths((32, 32))


def test_a_code_larger_than_its_input_is_refused_and_both_are_named():
    message = "code size 10 is larger than the input of 9 values: expected at most 9"
    with pytest.raises(ValueError, match=message):
        encoders.principal_components(sample(), 10)
    with pytest.raises(ValueError, match=message):
        encoders.random_projection(9, 10, np.random.default_rng(0))
    with pytest.raises(ValueError, match="code size 785"):
        encoders.require_hidden((900, 785, 900))
    assert encoders.require_hidden((8, 784, 8)) == (8, 784, 8)


def test_a_missing_tensor_is_named_with_its_file():
    data = {"relu:0:weight_0": np.zeros(3)}
    assert encoders.tensor(data, "relu:0:weight_0", "a/b") is data["relu:0:weight_0"]
    with pytest.raises(RetrialError, match=r"^a/b: no tensor 'relu:1:weight_0', expected it from"):
        encoders.tensor(data, "relu:1:weight_0", "a/b")


def test_dead_units_are_zero_for_every_example():
    codes = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, -2.0]])
    assert encoders.dead_units(codes) == 1
    assert encoders.dead_units(np.zeros((4, 3))) == 3


def test_the_effective_rank_of_known_spectra():
    corners = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    assert encoders.effective_rank(corners) == pytest.approx(2)
    assert encoders.effective_rank(corners * [5, 0]) == pytest.approx(1)
    # Variances 4 and 1: 5² / 17.
    assert encoders.effective_rank(corners * [2, 1] + 7) == pytest.approx(25 / 17)
    assert encoders.effective_rank(np.ones((4, 2))) is None

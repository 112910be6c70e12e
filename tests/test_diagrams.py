import numpy as np

from retrial.report import figures as fig
from retrial.report.diagrams import network


def test_a_network_shows_its_weights_and_biases_and_leaves_zeros_out() -> None:
    _, axes = fig.canvas(2)
    layer = (np.array([[1.0, 0.0], [-2.0, 0.5]]), np.array([0.0, -1.5]))
    network(axes[0, 0], [layer], [["a", "b"], ["c", "d"]], ["inputs", "outputs"])
    texts = sorted(text.get_text() for text in axes[0, 0].texts)
    assert texts == sorted([*"abcd", "+1", "−2", "+0.5", "−1.5", "inputs", "outputs"])
    styles = [line.get_linestyle() for line in axes[0, 0].lines]
    assert sorted(styles) == ["-", "-", "--"]

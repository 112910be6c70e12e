"""The rules of back-propagation that report 003, Exercise 6, states in symbols.

Checked on random networks of the exercise's shape: two inputs, two hidden and two output neurons,
sigmoids, one bias a layer. The report names no loss; its rules are the gradient of ½Σ(o − t)².
"""

import numpy as np

from retrial.worked.functions import sigmoid
from retrial.worked.hand_backprop import Given, differentiated
from retrial.worked.sheet import Line, Sheet, Slip


def sheet(given: Given, chance: np.random.Generator) -> Sheet:
    """Forward pass, both layers' δ and all new weights of one random network."""
    names = ["i1", "i2", "t1", "t2", "b1", "b2", *(f"w{n}" for n in range(1, 9))]
    stated = dict(zip(names, chance.normal(size=len(names)).tolist(), strict=True))
    stated["rate"] = given.learning_rate
    proof = differentiated(stated)
    # Row k of a layer's weights leads into its neuron k.
    first, second = (
        np.array([stated[f"w{n}"] for n in range(start, start + 4)]).reshape(2, 2)
        for start in (1, 5)
    )
    inputs, targets = (np.array([stated[f"{one}1"], stated[f"{one}2"]]) for one in ("i", "t"))
    exact = {
        "inputs": inputs, "targets": targets, "first": first, "second": second,
        "b1": stated["b1"], "b2": stated["b2"], "rate": stated["rate"],
    }  # fmt: skip
    output_rule = r"\delta_{o_k} = (o_k - t_k)\, o_k (1 - o_k)"
    hidden_rule = (
        r"\delta_{h_j} = h_j (1 - h_j) \left(\delta_{o_1} w_{4 + j} + \delta_{o_2} w_{6 + j}\right)"
    )
    lines = {
        "hidden": Line(
            r"h_j = \sigma\left(w_{2j - 1} i_1 + w_{2j} i_2 + b_1\right)",
            lambda v: sigmoid(v.first @ v.inputs + v.b1),
            np.array([proof["h1"], proof["h2"]]),
        ),
        "outputs": Line(
            r"o_k = \sigma\left(h_1 w_{3 + 2k} + h_2 w_{4 + 2k} + b_2\right)",
            lambda v: sigmoid(v.second @ v.hidden + v.b2),
            np.array([proof["o1"], proof["o2"]]),
        ),
        "output_errors": Line(
            output_rule,
            lambda v: (v.outputs - v.targets) * v.outputs * (1 - v.outputs),
            np.array([proof["output_error_1"], proof["output_error_2"]]),
            (
                Slip(
                    "slope_dropped",
                    "The slope o(1 − o) of the sigmoid is left out.",
                    lambda v: v.outputs - v.targets,
                ),
                Slip(
                    "target_minus_output",
                    "The difference is taken as target minus output.",
                    lambda v: (v.targets - v.outputs) * v.outputs * (1 - v.outputs),
                ),
            ),
        ),
        "hidden_errors": Line(
            hidden_rule,
            lambda v: v.hidden * (1 - v.hidden) * (v.output_errors @ v.second),
            np.array([proof["hidden_error_1"], proof["hidden_error_2"]]),
            (
                Slip(
                    "rows_for_columns",
                    "Each hidden neuron takes the weights that lead into an output in place of "
                    "those that lead out of itself.",
                    lambda v: v.hidden * (1 - v.hidden) * (v.output_errors @ v.second.T),
                ),
                Slip(
                    "updated_weights",
                    "The errors are sent back through the weights as they are after the update.",
                    lambda v: (
                        v.hidden
                        * (1 - v.hidden)
                        * (
                            v.output_errors
                            @ (v.second - v.rate * np.outer(v.output_errors, v.hidden))
                        )
                    ),
                ),
            ),
        ),
        "new_weights": Line(
            rf"{output_rule}, \quad {hidden_rule}, \quad w' = w - \eta\, \delta\, x",
            lambda v: np.concatenate(
                [
                    (v.first - v.rate * np.outer(v.hidden_errors, v.inputs)).ravel(),
                    (v.second - v.rate * np.outer(v.output_errors, v.hidden)).ravel(),
                ]
            ),
            np.array([stated[f"w{n}"] - stated["rate"] * proof[f"w{n}"] for n in range(1, 9)]),
            (
                Slip(
                    "uphill",
                    "The step goes up the gradient.",
                    lambda v: np.concatenate(
                        [
                            (v.first + v.rate * np.outer(v.hidden_errors, v.inputs)).ravel(),
                            (v.second + v.rate * np.outer(v.output_errors, v.hidden)).ravel(),
                        ]
                    ),
                ),
                Slip(
                    "outputs_for_hidden",
                    "The outputs stand in place of the hidden activations that w₅…w₈ multiply.",
                    lambda v: np.concatenate(
                        [
                            (v.first - v.rate * np.outer(v.hidden_errors, v.inputs)).ravel(),
                            (v.second - v.rate * np.outer(v.output_errors, v.outputs)).ravel(),
                        ]
                    ),
                ),
            ),
        ),
    }
    return Sheet(exact, lines)

"""The forward pass by hand through a 2-2-2 sigmoid network (report 003, Exercise 6)."""

import mpmath

from retrial.worked.sheet import Line, Slip, Value, number


def forward_lines(proof: dict[str, float]) -> dict[str, Line]:
    """Sums z₁ and z₂, sigmoids h₁ and h₂, their products p₁…p₄, sums z₃ and z₄, outputs o₁ and o₂.

    `proof` holds the values of all of them.
    """
    return {
        **{f"z{j}": hidden_sum(j, proof) for j in (1, 2)},
        "exponents": Line(
            r"\left(-z_1, -z_2\right)",
            lambda v: [-v.z1, -v.z2],
            [-proof["z1"], -proof["z2"]],
            (
                Slip(
                    "exponent_sign",
                    "The sigmoid of both hidden neurons is worked out with exp(z) in place of "
                    "exp(−z): what should be next to 0 comes out next to 1.",
                    lambda v: [v.z1, v.z2],
                ),
            ),
        ),
        **{f"h{j}": sigmoid_line(j, proof) for j in (1, 2)},
        **{f"p{n - 4}": product_line(n, proof) for n in (5, 6, 7, 8)},
        **{f"z{k + 2}": output_sum(k, proof) for k in (1, 2)},
        **{f"o{k}": output_line(k, proof) for k in (1, 2)},
    }


def hidden_sum(j: int, proof: dict[str, float]) -> Line:
    """z₁ or z₂: w₁, w₂ lead to the first hidden neuron, w₃, w₄ to the second.

    The report prints the right terms and a negative sum: slips that change a factor, or the sign
    of the sum, are none of this line's.
    """
    a, b = f"w{2 * j - 1}", f"w{2 * j}"
    return Line(
        rf"z_{j} = w_{a[1]} i_1 + w_{b[1]} i_2 + b_1",
        lambda v: getattr(v, a) * v.i1 + getattr(v, b) * v.i2 + v.b1,
        proof[f"z{j}"],
        (
            Slip(
                f"second_input_dropped_{j}",
                f"The product {b}·i2 is printed in the sum but left out of its result.",
                lambda v: getattr(v, a) * v.i1 + v.b1,
            ),
            Slip(
                f"second_input_subtracted_{j}",
                f"The product {b}·i2 is subtracted in place of added.",
                lambda v: getattr(v, a) * v.i1 - getattr(v, b) * v.i2 + v.b1,
            ),
            Slip(
                f"bias_dropped_{j}",
                "The bias is left out of the sum.",
                lambda v: getattr(v, a) * v.i1 + getattr(v, b) * v.i2,
            ),
            Slip(
                f"bias_subtracted_{j}",
                "The bias is subtracted in place of added.",
                lambda v: getattr(v, a) * v.i1 + getattr(v, b) * v.i2 - v.b1,
            ),
        ),
    )


def sigmoid_line(j: int, proof: dict[str, float]) -> Line:
    """h₁ or h₂ from the exponents."""
    return Line(
        rf"h_{j} = \frac{{1}}{{1 + e^{{-z_{j}}}}}",
        lambda v: logistic(v.exponents[j - 1]),
        proof[f"h{j}"],
        (
            Slip(
                f"one_left_out_{j}",
                "The 1 in the denominator of the sigmoid is left out.",
                lambda v: 1 / mpmath.exp(number(v.exponents[j - 1])),
            ),
        ),
    )


def product_line(n: int, proof: dict[str, float]) -> Line:
    """A product of a weighted sum: w₅, w₆ lead to the first output, w₇, w₈ to the second."""
    j = 1 if n % 2 else 2
    return Line(
        rf"h_{j} w_{n}",
        lambda v: getattr(v, f"h{j}") * getattr(v, f"w{n}"),
        proof[f"p{n - 4}"],
        (
            Slip(
                f"sum_for_activation_{n}",
                f"The weighted sum z{j} is multiplied in place of its sigmoid h{j}.",
                lambda v: getattr(v, f"z{j}") * getattr(v, f"w{n}"),
            ),
        ),
    )


def output_sum(k: int, proof: dict[str, float]) -> Line:
    """z₃ or z₄ from the two products."""
    first, second = (1, 2) if k == 1 else (3, 4)
    neighbour = 3 if k == 1 else 2
    return Line(
        rf"z_{k + 2} = h_1 w_{first + 4} + h_2 w_{second + 4} + b_2",
        lambda v: getattr(v, f"p{first}") + getattr(v, f"p{second}") + v.b2,
        proof[f"z{k + 2}"],
        (
            Slip(
                f"output_bias_dropped_{k}",
                "The bias is left out of the sum.",
                lambda v: getattr(v, f"p{first}") + getattr(v, f"p{second}"),
            ),
            Slip(
                f"hidden_bias_for_output_bias_{k}",
                "The bias of the hidden layer is added in place of that of the output layer.",
                lambda v: getattr(v, f"p{first}") + getattr(v, f"p{second}") + v.b1,
            ),
            Slip(
                f"product_of_neighbour_{k}",
                f"A product with w{neighbour + 4}, which leads to the other output, is added.",
                lambda v: (
                    getattr(v, f"p{first if k == 1 else second}")
                    + getattr(v, f"p{neighbour}")
                    + v.b2
                ),
            ),
        ),
    )


def output_line(k: int, proof: dict[str, float]) -> Line:
    """o₁ or o₂."""
    return Line(
        rf"o_{k} = \frac{{1}}{{1 + e^{{-z_{k + 2}}}}}",
        lambda v: logistic(-getattr(v, f"z{k + 2}")),
        proof[f"o{k}"],
        (
            Slip(
                f"output_exponent_sign_{k}",
                "The sigmoid of the output is worked out with exp(z) in place of exp(−z).",
                lambda v: logistic(getattr(v, f"z{k + 2}")),
            ),
        ),
    )


def logistic(exponent: Value) -> mpmath.mpf:
    """1 / (1 + e^exponent)."""
    return 1 / (1 + mpmath.exp(number(exponent)))

"""What a printed line of arithmetic gives when its own printed factors are taken at their word."""

import ast
import operator
from collections.abc import Callable
from fractions import Fraction

import mpmath

from retrial.core.errors import RetrialError

DIGITS = 40

_OPERATORS: dict[type[ast.AST], Callable[..., Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


def evaluate(text: str) -> Fraction:
    """The value of such a line as `-15 * 0.8 + 0.35` or `1 / (1 + exp(16.65))`, in rationals.

    Numbers, + − * / **, parentheses, `max` and `exp` (to 40 digits); RetrialError for all else.
    """
    try:
        return _value(ast.parse(text, mode="eval").body)
    except (SyntaxError, ZeroDivisionError, TypeError):
        raise RetrialError(
            f"arithmetic = {text!r}: expected numbers, + - * / **, exp, max"
        ) from None


def _value(node: ast.AST) -> Fraction:
    match node:
        case ast.Constant(value=int() | float() as number):
            # The decimal as it is written, not the nearest binary float.
            return Fraction(repr(number))
        case ast.UnaryOp():
            return _OPERATORS[type(node.op)](_value(node.operand))
        case ast.BinOp() if type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](_value(node.left), _value(node.right))
        case ast.Call(func=ast.Name(id="max")):
            return max(_value(one) for one in node.args)
        case ast.Call(func=ast.Name(id="exp"), args=[exponent]):
            power = _value(exponent)
            with mpmath.workdps(DIGITS):
                found = mpmath.exp(mpmath.mpf(power.numerator) / power.denominator)
                return Fraction(mpmath.nstr(found, DIGITS))
    raise TypeError(node)

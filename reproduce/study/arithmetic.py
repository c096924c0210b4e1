"""Evaluates the arithmetic expressions from which claims derive a number; any other expression is refused."""

import ast
import math
import operator
from collections.abc import Callable

_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}
_FUNCTIONS: dict[str, Callable[..., float]] = {"ceil": math.ceil, "floor": math.floor, "max": max, "min": min}


def evaluate(expression: str) -> float:
    """Return the value of an expression of numbers, ``+ - * / //``, parentheses, ceil, floor, max and min.

    Raises:
        ValueError: the expression holds anything else, or divides by zero.
    """
    try:
        return float(_value(ast.parse(expression, mode="eval").body))
    except SyntaxError as error:
        raise ValueError(f"{expression!r} is not an arithmetic expression") from error
    except (ZeroDivisionError, TypeError) as error:
        raise ValueError(f"{expression!r} cannot be evaluated ({error})") from error


def _value(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_value(left), _value(right))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*map(_value, args))
    raise ValueError(f"{ast.unparse(node)!r} is not allowed in an arithmetic expression")

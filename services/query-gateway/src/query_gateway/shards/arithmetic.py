"""Numbers as Go computes them: no exceptions, infinities and NaN instead; pure."""

import math
from collections.abc import Callable


def divide(left: float, right: float) -> float:
    """IEEE 754 division."""
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left) or math.isnan(right):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def remainder(left: float, right: float) -> float:
    """Go's math.Mod."""
    if right == 0 or math.isinf(left) or math.isnan(left) or math.isnan(right):
        return math.nan
    return math.fmod(left, right)


ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": divide,
    "%": remainder,
}

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    ">": lambda left, right: left > right,
    "<=": lambda left, right: left <= right,
    ">=": lambda left, right: left >= right,
}


def minimum(left: float, right: float) -> float:
    """Go's math.Min: NaN if either is."""
    if math.isnan(left) or math.isnan(right):
        return math.nan
    if left == right == 0:
        return left if math.copysign(1, left) < 0 else right
    return min(left, right)


def maximum(left: float, right: float) -> float:
    """Go's math.Max: NaN if either is."""
    return -minimum(-left, -right)


def floor(value: float) -> float:
    """Go's math.Floor; keeps the sign of a zero."""
    if not math.isfinite(value):
        return value
    return math.copysign(float(math.floor(value)), value) if value != 0 else value


def ceil(value: float) -> float:
    """Go's math.Ceil; keeps the sign of a zero."""
    return -floor(-value)


def root(value: float) -> float:
    """Go's math.Sqrt."""
    if math.isnan(value) or value < 0:
        return math.nan
    return math.sqrt(value)


def sign(value: float) -> float:
    """PromQL's sgn()."""
    return 1.0 if value > 0 else -1.0 if value < 0 else value

"""The values of numbers and durations, and numbers written as Go writes them."""

import re
from decimal import Decimal

_UNITS_MS = {
    "y": 31_536_000_000,
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_PART = re.compile(r"([0-9]+)(ms|[ywdhms])")


def number_value(text: str) -> float:
    """Return the value of a number literal, or of a duration in seconds (parse.go, parseNumber)."""
    lower = text.lower()
    if lower in ("inf", "nan"):
        return float(lower)
    if _PART.match(lower) and not lower.startswith("0x"):
        return duration_ms(text) / 1000
    plain = lower.replace("_", "")
    if plain.isdigit():
        # As Go does with base 0: a leading zero means octal, where that can be.
        octal = len(plain) > 1 and plain[0] == "0" and not {"8", "9"} & set(plain)
        return float(int(plain, 8 if octal else 10))
    if plain[:2] in ("0x", "0b", "0o"):
        return float(int(plain, 0))
    return float(plain)


def duration_ms(text: str) -> int:
    """Return the milliseconds of a duration, or of a number of seconds."""
    parts = _PART.findall(text.lower())
    if not parts:
        return round(number_value(text) * 1000)
    return sum(int(count) * _UNITS_MS[unit] for count, unit in parts)


def go_float(value: float) -> str:
    """Return what strconv.FormatFloat(value, 'f', -1, 64) does: the shortest text, without exponent."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    text = format(Decimal(repr(value)), "f")
    return text.removesuffix(".0") if "." in text else text

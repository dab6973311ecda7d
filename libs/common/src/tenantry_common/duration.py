"""Go's durations (``1h30m``, ``1.5s``), as Kubernetes objects and configurations write them; pure."""

import re
from fractions import Fraction

_UNITS_MS = {
    "ns": Fraction(1, 1_000_000),
    "us": Fraction(1, 1_000),
    "µs": Fraction(1, 1_000),
    "μs": Fraction(1, 1_000),
    "ms": Fraction(1),
    "s": Fraction(1_000),
    "m": Fraction(60_000),
    "h": Fraction(3_600_000),
}
_PART = r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)"
_WHOLE = re.compile(f"([-+]?)((?:{_PART})+)", re.ASCII)
_LONGEST_TEXT = 64


def milliseconds(text: str) -> int | None:
    """Return the length of `text`, rounded down to a millisecond, or None when it is no duration.

    Like Go: every number needs a unit, and there is none for days; only ``0`` stands alone.
    """
    if text in ("0", "+0", "-0"):
        return 0
    match = _WHOLE.fullmatch(text) if len(text) <= _LONGEST_TEXT else None
    if match is None:
        return None
    parts = re.findall(_PART, match[2], re.ASCII)
    total = sum(
        (Fraction(_decimal(number)) * _UNITS_MS[unit] for number, unit in parts), Fraction()
    )
    return int(-total if match[1] == "-" else total)


def _decimal(number: str) -> str:
    return f"0{number}" if number.startswith(".") else number.removesuffix(".")

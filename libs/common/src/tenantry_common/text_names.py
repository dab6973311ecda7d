"""Names, values and numbers in the text formats of metrics: as they are, or escaped; pure.

Names are escaped for those who read no UTF-8. That is `values` of Prometheus' UTF-8 proposal (``U__``, ``_2e_`` for a dot), which loses
nothing: two names never become one.
"""

import re
import string
import struct

_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_KEPT = frozenset(string.ascii_letters + string.digits)
_DOUBLE = struct.Struct("<d")
_SPECIAL = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}


def metric(name: str, *, utf8: bool) -> tuple[str, bool]:
    """Return a metric's name as text formats write it, and whether that is quoted."""
    if not utf8 or _METRIC_NAME.fullmatch(name):
        return plain_metric(name), False
    return f'"{value(name)}"', True


def label(name: str, *, utf8: bool) -> str:
    """Return a label's name as text formats write it."""
    if not utf8 or _LABEL_NAME.fullmatch(name):
        return plain_label(name)
    return f'"{value(name)}"'


def head(name: tuple[str, bool], pairs: str) -> str:
    """Return what stands before a series' value: `name` is what `metric` returns, `pairs` its labels."""
    written, quoted = name
    if quoted:
        return f"{{{written},{pairs}}}" if pairs else f"{{{written}}}"
    return f"{written}{{{pairs}}}" if pairs else written


def plain_metric(name: str) -> str:
    """Return a metric's name in the old alphabet, escaped where it is not of it."""
    return name if _METRIC_NAME.fullmatch(name) else _escaped(name)


def plain_label(name: str) -> str:
    """Return a label's name in the old alphabet, escaped where it is not of it."""
    return name if _LABEL_NAME.fullmatch(name) else _escaped(name)


def value(text: str) -> str:
    """Return a label's value as it stands between quotes."""
    return text.translate(_ESCAPES)


def number(value: bytes) -> str:
    """Return a float (IEEE 754, little endian) as both text formats write it.

    Read again it has the same bits, but for NaN.
    """
    text = repr(_DOUBLE.unpack(value)[0])
    return _SPECIAL.get(text, text)


def _escaped(name: str) -> str:
    return "U__" + "".join(
        "__" if char == "_" else char if char in _KEPT else f"_{ord(char):x}_" for char in name
    )

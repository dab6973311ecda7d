"""Reads `[range]` and `[range:step]`; most of them over and over again, so that they are remembered."""

from functools import lru_cache
from typing import NamedTuple

from tenantry_promql.cursor import Cursor
from tenantry_promql.durations import read_bracketed
from tenantry_promql.errors import ParseError
from tenantry_promql.lexer import tokenize
from tenantry_promql.settings import Limits

_SHORT = 32
_LIMITS = Limits()


class Bracket(NamedTuple):
    """A bracket with its spaces and comments taken out."""

    text: str
    is_subquery: bool


def read_bracket(cursor: Cursor, depth: int) -> Bracket:
    """Return what is in the bracket at which the cursor stands, which it does not step over."""
    text = cursor.texts[cursor.index]
    if len(text) <= _SHORT and "(" not in text:
        try:
            return _remembered(text)
        except ParseError:
            pass  # once more, for the position in the whole query
    return _read(cursor.inside_bracket(), depth)


@lru_cache(maxsize=1024)
def _remembered(text: str) -> Bracket:
    return _read(Cursor(text, tokenize(text), _LIMITS).inside_bracket(), depth=1)


def _read(cursor: Cursor, depth: int) -> Bracket:
    cursor.take()
    window = read_bracketed(cursor, depth)
    if cursor.kind != ":":
        cursor.expect("]", "subquery or range", '":" or "]"')
        return Bracket(f"[{window}]", is_subquery=False)
    cursor.take()
    step = "" if cursor.kind == "]" else read_bracketed(cursor, depth)
    cursor.expect("]", "subquery selector", '"]"')
    return Bracket(f"[{window}:{step}]", is_subquery=True)

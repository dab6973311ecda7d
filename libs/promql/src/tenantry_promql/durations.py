"""Reads durations and the arithmetic on them: inside `[…]` and after `offset`."""

from tenantry_promql.cursor import Cursor
from tenantry_promql.lexer import DURATION, DURATION_FUNCTIONS, NUMBER

_ARITHMETIC = frozenset("+-*/%^")
_SIGNS = frozenset("+-")
_NOT_ZERO = frozenset("123456789xX")
_CONSTANT = frozenset(("step", "range"))
_CHOICE = DURATION_FUNCTIONS - _CONSTANT
_EXPECTED = "number, duration, step(), or range()"


def read_bracketed(cursor: Cursor, depth: int) -> str:
    """Read a duration expression up to `:` or `]` and return its text."""
    if cursor.kind in (NUMBER, DURATION) and cursor.next_kind() in ("]", ":"):
        start, text = cursor.index, cursor.take()
        if _NOT_ZERO.isdisjoint(text):
            cursor.fail("duration must be greater than 0", start)
        return text
    first = cursor.index
    _expression(cursor, depth, "subquery or range selector")
    return _text(cursor, first)


def read_offset(cursor: Cursor, depth: int) -> str:
    """Read what follows `offset` and return its text.

    Without parentheses that is one term: `a offset -2 ^ 2` is `(a offset -2) ^ 2`. Two forms whose
    extent depends on the version are refused: two signs, and an operator right after parentheses.
    """
    first = cursor.index
    signed = cursor.kind in _SIGNS
    if signed:
        cursor.take()
    parenthesised = cursor.kind == "("
    _term(cursor, depth, "offset")
    if parenthesised and not signed and cursor.kind in _ARITHMETIC:
        cursor.unexpected("offset", "the whole offset or the whole selector in parentheses")
    return _text(cursor, first)


def _expression(cursor: Cursor, depth: int, context: str) -> None:
    while True:
        while cursor.kind in _SIGNS:
            cursor.take()
        _term(cursor, depth, context)
        if cursor.kind not in _ARITHMETIC:
            return
        cursor.take()


def _term(cursor: Cursor, depth: int, context: str) -> None:
    kind = cursor.kind
    if kind in (NUMBER, DURATION):
        cursor.take()
    elif kind == "(":
        cursor.check_depth(depth)
        cursor.take()
        _expression(cursor, depth - 1, context)
        cursor.expect(")", context)
    elif _word(cursor) in _CONSTANT:
        cursor.take()
        cursor.expect("(", context)
        cursor.expect(")", context)
    elif _word(cursor) in _CHOICE:
        cursor.check_depth(depth)
        cursor.take()
        cursor.expect("(", context)
        _expression(cursor, depth - 1, context)
        cursor.expect(",", context)
        _expression(cursor, depth - 1, context)
        cursor.expect(")", context)
    else:
        cursor.unexpected(context, _EXPECTED)


def _word(cursor: Cursor) -> str:
    # Outside brackets `min_of` is an identifier for the lexer.
    return cursor.texts[cursor.index].lower()


def _text(cursor: Cursor, first: int) -> str:
    # One space between any two tokens: `0x1e - 1` without it would be one bad number.
    return " ".join(cursor.texts[first : cursor.index])

"""Text of a query -> tokens. Whitespace and comments disappear.

One expression finds all tokens. Prometheus' lexer has a mode for braces and one for brackets; here
a bracket with its contents is one token, which `brackets` takes apart, and what braces may not hold the
reader does not accept there. A character that begins no token becomes a token that nothing accepts:
like Prometheus, the reader complains about what it meets first (`complaints`).
"""

import re
from functools import lru_cache

PARAMETRIC_AGGREGATORS = frozenset(
    ("topk", "bottomk", "count_values", "quantile", "limitk", "limit_ratio")
)
AGGREGATORS = PARAMETRIC_AGGREGATORS | frozenset(
    ("sum", "avg", "count", "min", "max", "group", "stddev", "stdvar")
)
EXPERIMENTAL_AGGREGATORS = frozenset(("limitk", "limit_ratio"))
WORD_OPERATORS = frozenset(("and", "or", "unless", "atan2"))
_MATCHING = frozenset(("bool", "on", "ignoring", "group_left", "group_right"))
_MODIFIERS = frozenset(("by", "without", "offset", "anchored", "smoothed"))
_AT_FUNCTIONS = frozenset(("start", "end", "step", "range"))
_WORDS = AGGREGATORS | WORD_OPERATORS | _MATCHING | _MODIFIERS | _AT_FUNCTIONS
FILLS = frozenset(("fill", "fill_left", "fill_right"))
"""Modifiers only before a parenthesis, which is part of the token; else identifiers."""
KEYWORDS = _WORDS | FILLS

# `min_of` and `max_of` since 3.13; `min` and `max` before. The upstream knows which it has.
DURATION_FUNCTIONS = frozenset(("step", "range", "min", "max", "min_of", "max_of"))

# A token's kind is one of these, or the lower-case keyword, or the punctuation itself.
IDENTIFIER = "identifier"
METRIC_IDENTIFIER = "metric identifier"
NUMBER = "number"
DURATION = "duration"
STRING = "string"
BRACKET = "["
END = "end of input"
ERROR = "error"

type Tokens = tuple[list[str], list[str]]
"""Kinds and texts, of equal length; the last token is END with an empty text."""

_DIGITS = r"[0-9](?:_?[0-9])*"
_NUMBER = (
    r"0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+"
    rf"|(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?"
)
# The units in this order, each at most once (common/model.ParseDuration).
_DURATION = (
    r"(?=[0-9])(?:[0-9]+y)?(?:[0-9]+w)?(?:[0-9]+d)?(?:[0-9]+h)?(?:[0-9]+m(?!s))?"
    r"(?:[0-9]+s)?(?:[0-9]+ms)?"
)
# The closing quote may be missing: searching for it again from every quote would take quadratic time.
_STRING = r"""(?:"(?:[^"\\\n]++|\\[^\n])*+"?|'(?:[^'\\\n]++|\\[^\n])*+'?|`[^`]*+`?)"""
# Digits and what follows without a gap: a number, a duration, or neither.
_NUMERIC = rf"(?:[0-9]++(?![0-9A-Za-z_.])|(?:{_NUMBER})(?![0-9A-Za-z_.])|[0-9.][0-9A-Za-z_.]*+)"
_SKIP = r"[ \t\r\n]*+(?:#[^\r\n]*+[ \t\r\n]*+)*+"
_BRACKET = r"\[(?:[^]#]++|#[^\r\n]*+)*+\]?"

_TOKEN = re.compile(
    # Most words first, before those that could be a `fill`.
    rf"{_SKIP}([A-EG-Za-eg-z_:][A-Za-z0-9_:]*+|[(){{}},]|{_STRING}|{_BRACKET}|{_NUMERIC}"
    r"|(?ai:fill(?:_left|_right)?)[ \t\r\n]*\(|[Ff][A-Za-z0-9_:]*+"
    r"|==|=~|![=~]|!.?|<=|>=|</|>/|.|\Z)",
    re.DOTALL,
)
_IN_BRACKET = re.compile(rf"{_SKIP}([A-Za-z_]++|{_NUMERIC}|.|\Z)", re.DOTALL)
# Comments are known only after the first number of a bracket; earlier they are refused.
_EARLY_COMMENT = re.compile(r"\[[^0-9#]*#")
_WITHOUT_COMMENTS = re.compile(rf"[ \t\r\n]*+([A-Za-z_]++|{_NUMERIC}|.|\Z)", re.DOTALL)

_IS_NUMBER = re.compile(_NUMBER)
_IS_DURATION = re.compile(_DURATION)
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_SHORT = 32
"""Longer numbers are not remembered."""

_SYMBOLS = frozenset("(){},+-*/%^@=<>[]") | {"==", "!=", "=~", "!~", "<=", ">=", "</", ">/"}
_KINDS = {
    **{symbol: symbol for symbol in _SYMBOLS},
    **{word: word for word in _WORDS},
    "inf": NUMBER,
    "nan": NUMBER,
    "": END,
}
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
_BY_FIRST = {
    **dict.fromkeys(_LETTERS, IDENTIFIER),
    **dict.fromkeys("0123456789.", NUMBER),
    **dict.fromkeys("\"'`", STRING),
    ":": METRIC_IDENTIFIER,
    "[": BRACKET,
}


def tokenize(source: str) -> Tokens:
    """Split a query into tokens."""
    return _classified(_TOKEN.findall(source))


def spans(source: str) -> list[tuple[int, int]]:
    """Return where each token of a query starts and ends. Only errors and explanations want to know."""
    return [found.span(1) for found in _TOKEN.finditer(source)]


def tokenize_bracket(bracket: str) -> Tokens:
    """Split a bracket token, its brackets included."""
    kinds, texts = _classified(_tokens_in(bracket).findall(bracket))
    for index, text in enumerate(texts):
        if text == ":":
            kinds[index] = text
        elif text[:1].isalpha() or text[:1] == "_":
            word = text.lower()
            kinds[index] = word if word in DURATION_FUNCTIONS else ERROR
    return kinds, texts


def spans_in_bracket(text: str) -> list[tuple[int, int]]:
    """Return where each token of a bracket starts and ends."""
    return [found.span(1) for found in _tokens_in(text).finditer(text)]


def _tokens_in(bracket: str) -> re.Pattern[str]:
    return _WITHOUT_COMMENTS if _EARLY_COMMENT.match(bracket) else _IN_BRACKET


def _classified(texts: list[str], known: dict[str, str] = _KINDS) -> Tokens:
    return [known.get(text) or _kind(text) for text in texts], texts


def _kind(text: str) -> str:
    """Return the kind of a token that is not in the table."""
    kind = _BY_FIRST.get(text[0], ERROR)
    if kind is IDENTIFIER:
        if ":" in text:
            return METRIC_IDENTIFIER
        if text[-1] == "(":
            return text[:-1].rstrip().lower()  # fill
        return _KINDS.get(text.lower(), IDENTIFIER)
    if kind is NUMBER:
        return _numeric(text) if len(text) < _SHORT else _numeric.__wrapped__(text)
    if kind is STRING and not _is_closed(text):
        return ERROR
    return kind


def _is_closed(string: str) -> bool:
    if "\\" in string and string[0] != "`":
        string = _ESCAPED.sub("", string)  # the last quote may be an escaped one
    return len(string) > 1 and string[-1] == string[0]


@lru_cache(maxsize=1024)
def _numeric(text: str) -> str:
    if _IS_NUMBER.fullmatch(text):
        return NUMBER
    return DURATION if _IS_DURATION.fullmatch(text) else ERROR

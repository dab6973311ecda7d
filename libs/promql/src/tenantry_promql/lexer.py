"""Text of a query -> tokens, in the three modes of Prometheus' lexer: statement, braces, brackets."""

import re
from typing import NamedTuple

PARAMETRIC_AGGREGATORS = frozenset(
    ("topk", "bottomk", "count_values", "quantile", "limitk", "limit_ratio")
)
AGGREGATORS = PARAMETRIC_AGGREGATORS | frozenset(
    ("sum", "avg", "count", "min", "max", "group", "stddev", "stdvar")
)
EXPERIMENTAL_AGGREGATORS = frozenset(("limitk", "limit_ratio"))
WORD_OPERATORS = frozenset(("and", "or", "unless", "atan2"))
_MATCHING = frozenset(("bool", "on", "ignoring", "group_left", "group_right"))
_FILL = frozenset(("fill", "fill_left", "fill_right"))
_MODIFIERS = frozenset(("by", "without", "offset", "anchored", "smoothed"))
_AT_FUNCTIONS = frozenset(("start", "end", "step", "range"))
KEYWORDS = AGGREGATORS | WORD_OPERATORS | _MATCHING | _FILL | _MODIFIERS | _AT_FUNCTIONS

# A token's kind is one of these, or the lower-case keyword, or the punctuation itself.
IDENTIFIER = "identifier"
METRIC_IDENTIFIER = "metric identifier"
NUMBER = "number"
DURATION = "duration"
STRING = "string"
END = "end of input"
ERROR = "error"

_WORDS = {**{word: word for word in KEYWORDS}, "inf": NUMBER, "nan": NUMBER}
"""The kinds of words, in lower case, that are no identifiers."""


class Tokens(NamedTuple):
    """A query as three lists of equal length; the last token is END, or ERROR with its message as text.

    A lexical error is a token, not an exception: like Prometheus, the reader complains about what
    it meets first.
    """

    source: str
    kinds: list[str]
    texts: list[str]
    starts: list[int]


_DIGITS = r"[0-9](?:_?[0-9])*"
_NUMBER = (
    rf"(?P<number>(?:0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+"
    rf"|(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?)(?![0-9A-Za-z_.]))"
)
# The units in this order, each at most once (common/model.ParseDuration).
_DURATION = (
    r"(?P<duration>(?=[0-9])(?:[0-9]+y)?(?:[0-9]+w)?(?:[0-9]+d)?(?:[0-9]+h)?(?:[0-9]+m(?!s))?"
    r"(?:[0-9]+s)?(?:[0-9]+ms)?(?![0-9A-Za-z_]))"
)
_STRING = r"""(?P<string>"(?:[^"\\\n]++|\\.)*+"|'(?:[^'\\\n]++|\\.)*+'|`[^`]*`)"""
_SPACE = r"[ \t\r\n]++"
_SKIP = r"[ \t\r\n]*+(?:(?:\#[^\r\n]*+[ \t\r\n]*+)++)?+"
_END = r"(?P<end_of_input>\Z)"

_STATEMENT = re.compile(
    rf"{_SKIP}(?:(?P<word>[A-Za-z_:][A-Za-z0-9_:]*)|{_NUMBER}|{_DURATION}|{_STRING}"
    rf"|(?P<symbol>==|!=|<=|>=|</|>/|=(?!~)|[-+*/%^<>,@])|(?P<open>[({{\[])|(?P<close>[)\]])|{_END})"
)
_BRACES = re.compile(
    rf"{_SKIP}(?:(?P<identifier>[A-Za-z_][A-Za-z0-9_]*)|{_STRING}"
    rf"|(?P<symbol>=~|!~|!=|[=,])|(?P<close>\}})|{_END})"
)
# Comments are known only after the first number of a bracket; earlier they are refused.
_BRACKETS_OPENED = re.compile(
    rf"(?:{_SPACE})?(?:(?P<unit>[A-Za-z_]+)|{_NUMBER}|{_DURATION}"
    rf"|(?P<symbol>[-+*/%^,:])|(?P<open>\()|(?P<close>[)\]])|{_END})"
)
_BRACKETS = re.compile(_BRACKETS_OPENED.pattern.replace(rf"(?:{_SPACE})?", _SKIP, 1))
_DURATION_FUNCTIONS = frozenset(("step", "range", "min", "max", "min_of", "max_of"))
_BEFORE_PARENTHESIS = re.compile(r"[ \t\r\n]*\(")


def tokenize(source: str) -> Tokens:
    """Split a query into tokens; whitespace and comments disappear."""
    tokens = Tokens(source, [], [], [])
    add_kind, add_text, add_start = tokens.kinds.append, tokens.texts.append, tokens.starts.append
    mode, end, depth = _STATEMENT, 0, 0
    while True:
        found = mode.match(source, end)
        if found is None:
            return _unreadable(tokens, mode, end)
        group = found.lastgroup
        kind = text = found[group]  # type: ignore[index]  # every alternative has a name
        end = found.end()
        if group == "symbol":
            pass  # its kind is its text
        elif group == "word":
            kind = _WORDS.get(text.lower(), IDENTIFIER)
            if kind is IDENTIFIER:
                if ":" in text:
                    kind = METRIC_IDENTIFIER
            elif kind in _FILL and not _BEFORE_PARENTHESIS.match(source, end):
                kind = IDENTIFIER  # a modifier only before a parenthesis: metrics may be called so
        elif group == "open":
            if text == "(":
                depth += 1
            else:
                mode = _BRACES if text == "{" else _BRACKETS_OPENED
        elif group == "close":
            if text == ")":
                depth -= 1
                if depth < 0:
                    return _error(tokens, "unexpected right parenthesis ')'", end)
            elif mode is _STATEMENT:
                return _error(tokens, "unexpected right bracket ']'", end - 1)
            else:
                mode = _STATEMENT
        elif group == "unit":
            kind = text.lower()
            if kind not in _DURATION_FUNCTIONS:
                message = f"unexpected character in duration expression: '{text[0]}'"
                return _error(tokens, message, end - len(text))
        elif group == "end_of_input":
            return _end(tokens, mode, depth)
        else:
            kind = group
            if mode is _BRACKETS_OPENED:
                mode = _BRACKETS
        add_kind(kind)
        add_text(text)
        add_start(end - len(text))


def _end(tokens: Tokens, mode: re.Pattern[str], depth: int) -> Tokens:
    end = len(tokens.source)
    if mode is _BRACES:
        return _error(tokens, "unexpected end of input inside braces", end)
    if depth:
        return _error(tokens, "unclosed left parenthesis", end)
    if mode is not _STATEMENT:
        return _error(tokens, "unclosed left bracket", end)
    tokens.kinds.append(END)
    tokens.texts.append("")
    tokens.starts.append(end)
    return tokens


def _error(tokens: Tokens, message: str, start: int) -> Tokens:
    tokens.kinds.append(ERROR)
    tokens.texts.append(message)
    tokens.starts.append(start)
    return tokens


_SKIPPED = re.compile(_SKIP)
_SPACES = re.compile(_SPACE)
_WORDLIKE = re.compile(r"[0-9A-Za-z_.]+")


def _unreadable(tokens: Tokens, mode: re.Pattern[str], end: int) -> Tokens:
    source = tokens.source
    skipped = (_SPACES if mode is _BRACKETS_OPENED else _SKIPPED).match(source, end)
    start = skipped.end() if skipped else end
    character = source[start]
    if character in "\"'`":
        kind = "raw string" if character == "`" else "quoted string"
        message = f"unterminated {kind}"
    elif mode is _BRACES:
        message = f"unexpected character inside braces: {_shown(character)}"
    elif word := _WORDLIKE.match(source, start):
        message = f'bad number or duration syntax: "{word[0]}"'
    elif mode is not _STATEMENT:
        message = f"unexpected character in duration expression: {_shown(character)}"
    elif character in "!=":
        following = source[start + 1 : start + 2]
        message = f"unexpected character after '{character}': {_shown(following)}"
    else:
        message = f"unexpected character: {_shown(character)}"
    return _error(tokens, message, start)


def _shown(character: str) -> str:
    """Show a character as Go's %q does."""
    if character.isprintable():
        return f"'{character}'"
    point = ord(character)
    return f"'\\x{point:02x}'" if point < 128 else f"'\\u{point:04x}'"

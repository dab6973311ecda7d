"""Reads what stands between the braces of a selector: matchers and quoted names."""

from tenantry_promql import literals, regexes
from tenantry_promql.cursor import Cursor
from tenantry_promql.errors import Refused
from tenantry_promql.lexer import FILLS, IDENTIFIER, KEYWORDS, STRING
from tenantry_promql.syntax import METRIC_NAME, Matcher

_OPERATORS = frozenset(("=", "!=", "=~", "!~"))
# Between braces there are no keywords, nor is `inf` a number.
_LABELS = (KEYWORDS - FILLS) | {IDENTIFIER}
_NUMBER_WORDS = frozenset(("inf", "nan"))
_CONTEXT = "label matching"


def read_braces(cursor: Cursor) -> tuple[str, list[Matcher]]:
    """Read `{…}` and return the text between the braces with its matchers.

    The non-Prometheus `{a="b" or c="d"}` is a ParseError.
    """
    cursor.take()
    matchers: list[Matcher] = []
    texts: list[str] = []
    while cursor.kind != "}":
        matchers.append(_matcher(cursor, texts))
        if cursor.kind == ",":
            cursor.take()
        elif cursor.kind != "}":
            cursor.unexpected(_CONTEXT, '"," or "}"')
    cursor.take()
    return ",".join(texts), matchers


def _matcher(cursor: Cursor, texts: list[str]) -> Matcher:
    start, kind = cursor.index, cursor.kind
    if kind in _LABELS or cursor.texts[start].lower() in _NUMBER_WORDS:
        label_text = label = cursor.take()
    elif kind == STRING:
        label_text = cursor.take()
        label = _value(cursor, label_text, start)
        if cursor.kind == "," or cursor.kind == "}":
            texts.append(label_text)
            return Matcher(METRIC_NAME, "=", label)
        if not label:
            cursor.fail("a label name must not be empty", start)
    else:
        cursor.unexpected(_CONTEXT, 'identifier or "}"')
    op = cursor.kind
    if op not in _OPERATORS:
        if op == "==":
            cursor.fail('unexpected "=" in label matching, expected string', cursor.index, behind=1)
        cursor.unexpected(_CONTEXT, "label matching operator")
    cursor.take()
    value_start = cursor.index
    text = cursor.expect(STRING, _CONTEXT, "string")
    value = _value(cursor, text, value_start)
    if op == "=~" or op == "!~":
        try:
            cursor.count_regex(regexes.check(value))
        except regexes.BadRegex as error:
            cursor.fail(str(error), start)
    texts.append(f"{label_text}{op}{text}")
    return Matcher(label, op, value)  # type: ignore[arg-type]  # one of _OPERATORS


def _value(cursor: Cursor, text: str, start: int) -> str:
    """Return the value of a string token. Raises ParseError, or Refused when it is not UTF-8."""
    try:
        return literals.unquote(text)
    except literals.BadLiteral as error:
        cursor.fail(str(error), start)
    except literals.NotUTF8 as error:
        raise Refused(
            "A matcher whose string is not valid UTF-8",
            "labels are UTF-8 and nothing can be decided about other bytes",
            "write the value without \\x or octal escapes",
        ) from error

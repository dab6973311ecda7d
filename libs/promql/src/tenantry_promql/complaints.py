"""What Prometheus says of a token that it did not expect: first its lexer, then its parser."""

from tenantry_promql import lexer
from tenantry_promql.literals import quote

type Complaint = tuple[str, int]
"""A message, and how far behind the start of the token the lexer was."""

_WITH_KIND = frozenset(
    (lexer.IDENTIFIER, lexer.METRIC_IDENTIFIER, lexer.STRING, lexer.NUMBER, lexer.DURATION)
)
_SYMBOLS = frozenset(
    ("+", "-", "*", "/", "%", "^", "==", "!=", "<=", ">=", "<", ">", "=~", "!~", "@")
)
_INSIDE_BRACES = "unexpected character inside braces"
_OF_BRACKETS = lexer.DURATION_FUNCTIONS | frozenset((*"]()+-*/%^,:", lexer.NUMBER, lexer.DURATION))
_OF_BRACES = frozenset((lexer.STRING, "=", "!=", "=~", "!~", ",", "}"))


def of_query(tokens: lexer.Tokens, index: int, context: str) -> Complaint:
    """Return what Prometheus says of a token of a query; its parser adds the context."""
    kinds, texts = tokens
    kind, text = kinds[index], texts[index]
    before = kinds[:index]
    if "{" in before and "}" not in before[_last(before, "{") :]:
        return _of_braces(kind, text, context)
    opened = sum(one == "(" or one in lexer.FILLS for one in before) - before.count(")")
    if kind == lexer.END and opened:
        return "unclosed left parenthesis", 0
    if kind == ")" and not opened:
        return "unexpected right parenthesis ')'", 1
    if kind == "]":
        return "unexpected right bracket ']'", 0
    if kind in ("=~", "!~") or (kind == lexer.ERROR and text[0] == "!"):
        return f"unexpected character after '{text[0]}': {_shown(text[1:])}", 0
    if kind == "}" or kind == lexer.ERROR:
        return _unreadable("unexpected character", text), 0
    return f"unexpected {_described(kind, text)}{context}", 0


def of_bracket(tokens: lexer.Tokens, index: int, context: str) -> Complaint:
    """Return what Prometheus says of a token between brackets; its parser adds the context."""
    kinds, texts = tokens
    kind, text = kinds[index], texts[index]
    if kind == lexer.END:
        opened = kinds.count("(") - kinds.count(")")
        return f"unclosed left {'parenthesis' if opened else 'bracket'}", 0
    if kind not in _OF_BRACKETS:
        return _unreadable("unexpected character in duration expression", text), 0
    return f"unexpected {_described(kind, text)}{context}", 0


def _of_braces(kind: str, text: str, context: str) -> Complaint:
    if kind == lexer.END:
        return "unexpected end of input inside braces", 0
    if kind == "==":
        kind = text = "="  # the first of two
    if kind in _OF_BRACES:
        return f"unexpected {_described(kind, text)}{context}", 0
    if kind == lexer.ERROR and text[0] == "!":
        return f"unexpected character after '!' inside braces: {_shown(text[1:])}", 0
    if kind == lexer.ERROR or not (text[0].isalpha() or text[0] == "_"):
        return _unreadable(_INSIDE_BRACES, text), 0
    for behind, character in enumerate(text):
        if character in ":(":
            return f"{_INSIDE_BRACES}: {_shown(character)}", behind
    return f"unexpected {_described(lexer.IDENTIFIER, text)}{context}", 0  # no keywords here


def _last(kinds: list[str], kind: str) -> int:
    return len(kinds) - 1 - kinds[::-1].index(kind)


def _described(kind: str, text: str) -> str:
    """Name a token as Prometheus' parser does."""
    if kind == lexer.END:
        return kind
    if kind in lexer.AGGREGATORS:
        return f"<aggr:{text}>"
    if kind in lexer.FILLS:
        return f"<{text[:-1].rstrip()}>"
    if kind in _SYMBOLS or kind in lexer.WORD_OPERATORS:
        return f"<op:{text}>"
    if kind in lexer.KEYWORDS:
        return f"<{text}>"
    if kind == lexer.BRACKET:
        return quote(lexer.BRACKET)
    if kind in (lexer.IDENTIFIER, lexer.METRIC_IDENTIFIER) or len(text) <= 10:
        shown = quote(text)
    else:
        shown = quote(text[:10]) + "..."
    return f"{kind} {shown}" if kind in _WITH_KIND else shown


def _unreadable(unexpected: str, text: str) -> str:
    character = text[0]
    if character == "`":
        return "unterminated raw string"
    if character in "\"'":
        return "unterminated quoted string"
    if character in "0123456789." and unexpected != _INSIDE_BRACES:
        return f'bad number or duration syntax: "{text}"'
    return f"{unexpected}: {_shown(character)}"


def _shown(character: str) -> str:
    """Show a character, or that there is none, as Go's %q does."""
    if character.isprintable():
        return f"'{character}'"
    point = ord(character)
    return f"'\\x{point:02x}'" if point < 128 else f"'\\u{point:04x}'"

"""Where the reader stands in the tokens, and how it complains: Prometheus' wording and positions."""

from typing import NoReturn

from tenantry_promql import lexer
from tenantry_promql.errors import LimitExceeded, ParseError, position_at
from tenantry_promql.literals import quote
from tenantry_promql.settings import Limits

_DESCRIBED = frozenset(
    (lexer.IDENTIFIER, lexer.METRIC_IDENTIFIER, lexer.STRING, lexer.NUMBER, lexer.DURATION)
)
_SYMBOLS = frozenset(
    ("+", "-", "*", "/", "%", "^", "==", "!=", "<=", ">=", "<", ">", "=~", "!~", "@")
)


class Cursor:
    """A position in a list of tokens. The only mutable thing of the reader."""

    __slots__ = ("index", "kind", "kinds", "limits", "regex_size", "source", "starts", "texts")

    def __init__(self, tokens: lexer.Tokens, limits: Limits) -> None:
        self.source, self.kinds, self.texts, self.starts = tokens
        self.limits = limits
        self.regex_size = 0
        self.index = 0
        self.kind = self.kinds[0]

    @property
    def start(self) -> int:
        """Where the current token starts."""
        return self.starts[self.index]

    def next_kind(self) -> str:
        """Return the kind of the token after the current one."""
        following = self.index + 1
        return self.kinds[following] if following < len(self.kinds) else lexer.END

    def take(self) -> str:
        """Step over the current token, which is not the last one, and return its text."""
        index = self.index
        self.index = index + 1
        self.kind = self.kinds[index + 1]
        return self.texts[index]

    def end_of_previous(self) -> int:
        """Return where the last token that was taken ends."""
        return self.starts[self.index - 1] + len(self.texts[self.index - 1])

    def expect(self, kind: str, context: str = "", expected: str = "") -> str:
        """Step over a token of this kind, or raise ParseError."""
        if self.kind != kind:
            self.unexpected(context, expected)
        return self.take()

    def count_regex(self, size: int) -> None:
        """Add to the size of all expressions, or raise LimitExceeded."""
        self.regex_size += size
        if self.regex_size > self.limits.regex_size:
            raise LimitExceeded(
                "A query with regular expressions this large",
                "regex_size",
                self.limits.regex_size,
                "use fewer repetitions and character classes, or split the query",
            )

    def unexpected(self, context: str = "", expected: str = "") -> NoReturn:
        """Raise ParseError about the current token."""
        if self.kind == lexer.ERROR:
            self.fail(self.texts[self.index], self.start)
        where = f" in {context}" if context else ""
        instead = f", expected {expected}" if expected else ""
        self.fail(f"unexpected {self._described()}{where}{instead}", self.start)

    def fail(self, message: str, start: int) -> NoReturn:
        """Raise ParseError about the text at `start`."""
        raise ParseError(message, position_at(self.source, start))

    def _described(self) -> str:
        kind, text = self.kind, self.texts[self.index]
        if kind == lexer.END:
            return kind
        if kind in lexer.AGGREGATORS:
            return f"<aggr:{text}>"
        if kind in _SYMBOLS or kind in lexer.WORD_OPERATORS:
            return f"<op:{text}>"
        if kind in lexer.KEYWORDS:
            return f"<{text}>"
        if kind in (lexer.IDENTIFIER, lexer.METRIC_IDENTIFIER) or len(text) <= 10:
            shown = quote(text)
        else:
            shown = quote(text[:10]) + "..."
        return f"{kind} {shown}" if kind in _DESCRIBED else shown

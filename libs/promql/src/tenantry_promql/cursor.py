"""Where the reader stands in the tokens, and how it complains: Prometheus' wording and positions."""

from typing import NoReturn

from tenantry_promql import complaints, lexer
from tenantry_promql.errors import LimitExceeded, ParseError, position_at
from tenantry_promql.settings import Limits


class Cursor:
    """A position in a list of tokens. The only mutable thing of the reader."""

    __slots__ = ("_outer", "index", "kind", "kinds", "limits", "regex_size", "source", "texts")

    def __init__(
        self,
        source: str,
        tokens: lexer.Tokens,
        limits: Limits,
        outer: "tuple[Cursor, int] | None" = None,
    ) -> None:
        """`outer` says of the tokens of a bracket which token that bracket is, of which cursor."""
        self.source = source
        self.kinds, self.texts = tokens
        self.limits = limits
        self.regex_size = 0
        self.index = 0
        self.kind = self.kinds[0]
        self._outer = outer

    def inside_bracket(self) -> "Cursor":
        """Return a cursor over the tokens of the bracket at which this one stands."""
        inside = lexer.tokenize_bracket(self.texts[self.index])
        return Cursor(self.source, inside, self.limits, (self, self.index))

    def next_kind(self) -> str:
        """Return the kind of the token after the current one, which is not the last one."""
        return self.kinds[self.index + 1]

    def take(self) -> str:
        """Step over the current token, which is not the last one, and return its text."""
        index = self.index
        self.index = index + 1
        self.kind = self.kinds[index + 1]
        return self.texts[index]

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

    def check_depth(self, left: int) -> None:
        """Raise LimitExceeded when no more levels of nesting are left."""
        if left <= 0:
            raise LimitExceeded(
                "A query nested this deeply", "depth", self.limits.depth, "split the query"
            )

    def start_of(self, index: int) -> int:
        """Return where in the query a token starts. Takes as long as finding all tokens."""
        if self._outer is None:
            return lexer.spans(self.source)[index][0]
        cursor, bracket = self._outer
        inside = lexer.spans_in_bracket(cursor.texts[bracket])
        return cursor.start_of(bracket) + inside[index][0]

    def unexpected(self, context: str = "", expected: str = "") -> NoReturn:
        """Raise ParseError about the current token."""
        where = f" in {context}" if context else ""
        instead = f", expected {expected}" if expected else ""
        complaint = complaints.of_query if self._outer is None else complaints.of_bracket
        message, behind = complaint((self.kinds, self.texts), self.index, where + instead)
        self.fail(message, self.index, behind)

    def fail(self, message: str, index: int, behind: int = 0) -> NoReturn:
        """Raise ParseError about a token, or about what is so many characters behind its start."""
        raise ParseError(message, position_at(self.source, self.start_of(index) + behind))

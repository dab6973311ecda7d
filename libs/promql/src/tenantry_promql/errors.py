"""What can go wrong with a query: it is not PromQL, or it cannot be answered exactly."""

from typing import NamedTuple


class Position(NamedTuple):
    """Where in a query: line and column from 1, the column in bytes, as Prometheus counts them."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


def position_at(text: str, offset: int) -> Position:
    """Turn an index into `text` into a position."""
    before = text[:offset]
    line_start = before.rfind("\n") + 1
    return Position(before.count("\n") + 1, len(_bytes(before[line_start:])) + 1)


def _bytes(text: str) -> bytes:
    # "surrogatepass": the text that is complained about may be the very thing that is not UTF-8.
    return text.encode("utf-8", "surrogatepass")


class PromQLError(ValueError):
    """The query cannot be run. Its text is for the tenant who wrote it.

    No message ever quotes a rule or an injected matcher: which series exist for others is none of
    the reader's business.
    """


class ParseError(PromQLError):
    """The text is not valid PromQL. The caller answers `bad_data` with this message."""

    def __init__(self, message: str, position: Position) -> None:
        super().__init__(f"{position}: parse error: {message}")
        self.message = message
        self.position = position


class Refused(PromQLError):
    """The query is valid PromQL but has no rewriting that is known to be exact.

    `what` names the construct, `why` the reason, `instead` what the tenant can write.
    """

    def __init__(self, what: str, why: str, instead: str) -> None:
        super().__init__(f"{what} is refused because {why}; {instead}")
        self.what = what
        self.why = why
        self.instead = instead


class LimitExceeded(Refused):
    """The query, or what it would be rewritten to, is larger than the configured limits allow."""

    def __init__(self, what: str, limit: str, value: int, instead: str) -> None:
        super().__init__(what, f"the limit {limit} is {value}", instead)
        self.limit = limit
        self.value = value


class RuleError(ValueError):
    """A rule of a policy does not parse. The author of the policy sees this message, a tenant never does."""

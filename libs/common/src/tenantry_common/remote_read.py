"""Remote read requests and answers as bytes; pure.

Only the response type SAMPLES is asked for: its `TimeSeries` are the very message that remote
write takes, under the same field number, so they can be moved without being decoded.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tenantry_common import contracts, protowire
from tenantry_common.remote_write import SERIES, Span

_MATCHER_TYPES: dict[contracts.MatchOp, int] = {"=": 0, "!=": 1, "=~": 2, "!~": 3}

_REQUEST_QUERIES = 1
_QUERY_START = 1
_QUERY_END = 2
_QUERY_MATCHERS = 3
_MATCHER_TYPE = 1
_MATCHER_NAME = 2
_MATCHER_VALUE = 3
RESULTS = 1
"""`ReadResponse.results`, one `QueryResult` for each query."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """One selection of a read request; both ends of the time range are included."""

    matchers: tuple[contracts.Matcher, ...]
    start_ms: int
    end_ms: int


def encode_request(queries: Iterable[Query]) -> bytes:
    """Return an uncompressed `ReadRequest` for the answer type SAMPLES."""
    return b"".join(protowire.delimited(_REQUEST_QUERIES, _query(query)) for query in queries)


def _query(query: Query) -> bytes:
    matchers = (protowire.delimited(_QUERY_MATCHERS, _matcher(m)) for m in query.matchers)
    return b"".join(
        (
            _integer(_QUERY_START, query.start_ms),
            _integer(_QUERY_END, query.end_ms),
            *matchers,
        )
    )


def _matcher(matcher: contracts.Matcher) -> bytes:
    return b"".join(
        (
            _integer(_MATCHER_TYPE, _MATCHER_TYPES[matcher.op]),
            protowire.delimited(_MATCHER_NAME, matcher.label.encode()),
            protowire.delimited(_MATCHER_VALUE, matcher.value.encode()),
        )
    )


def _integer(number: int, value: int) -> bytes:
    return protowire.tag(number, protowire.VARINT) + protowire.varint(value)


def results(response: protowire.Buffer) -> Iterator[tuple[int, int]]:
    """Yield where each query's `QueryResult` stands, in the order of the queries."""
    for field in protowire.fields(response, 0, len(response)):
        if field.number == RESULTS:
            yield field.start, field.end


def series(response: protowire.Buffer) -> Iterator[Span]:
    """Yield the series of all results, one result after the other.

    `response[span.entry:span.end]` is a `WriteRequest` of that series as it stands.
    """
    for start, end in results(response):
        for field in protowire.fields(response, start, end):
            if field.number == SERIES:
                yield Span(field.entry, field.start, field.end)

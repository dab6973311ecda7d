"""A remote-read request -> the requests that select the permitted part of it; pure.

Prometheus' handler ignores an equality matcher whose value equals its external label of that name,
and one that it does not have counts as empty. So nothing that such a matcher says may be relied on:
the rules are conjoined with what is left of a query without them. What is added is sent as regular
expressions, which are never ignored. The tenant's own matchers go along as they are and mean what
they mean without the gateway.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.message import DecodeError

import tenantry_promql as promql
from query_gateway.calls import AS_CHUNKS, AS_SAMPLES, Call
from query_gateway.enforce import explained, nothing
from query_gateway.failures import Failure
from tenantry_common import errors, snappy_block
from tenantry_common.proto import remote_pb2
from tenantry_promql import Matcher
from tenantry_promql.regexes import quote_meta

_PATH = "/api/v1/read"
_NAME = "__name__"
_ANY_NAME = Matcher(_NAME, "=~", ".+")
_OPS: dict[int, promql.syntax.MatchOp] = {0: "=", 1: "!=", 2: "=~", 3: "!~"}
_TYPES = {op: number for number, op in _OPS.items()}
_MOST_QUERIES = 256
_UPSTREAM = promql.Upstream(
    major=3,  # matchers are not written as text here, so any label can be named
    label_replace_keeps_histograms=True,
    delayed_name_removal=False,
    experimental_functions=False,
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to ask instead of one remote-read request."""

    calls: tuple[Call, ...]
    """Each with as many queries as the tenant's request, the n-th being a part of the n-th there.
    Their answers are to be united query by query."""
    queries: int
    """How many that are."""
    streamed: bool
    """Whether the answers are chunks instead of samples."""


def plan(block: bytes, rules: promql.RuleSet, limits: promql.Limits, *, most: int) -> Plan:
    """Return what to ask for the request in the snappy `block`. Raises `Failure`.

    `most` is how many bytes the request may have; it is looked at before any memory is taken.
    """
    request = _decoded(block, most)
    streamed = _is_streamed(request)
    parts = [_parts(query, rules, limits) for query in request.queries]
    rounds = max(map(len, parts), default=0)
    if rounds * len(parts) > _MOST_QUERIES:
        raise Failure(
            "limit",
            f"the request becomes {rounds * len(parts)} queries when the tenant's rules are "
            f"applied, and at most {_MOST_QUERIES} are sent; send fewer at once",
        )
    calls = tuple(
        Call(
            method="POST",
            path=_PATH,
            message=snappy_block.compress(_round(request, parts, number)),
            media=AS_CHUNKS if streamed else AS_SAMPLES,
        )
        for number in range(rounds)
    )
    return Plan(calls=calls, queries=len(parts), streamed=streamed)


def _decoded(block: bytes, most: int) -> remote_pb2.ReadRequest:
    try:
        if snappy_block.decoded_size(block) > most:
            raise Failure("too_large", f"the request is longer than read_request_bytes ({most})")
        request = remote_pb2.ReadRequest.FromString(snappy_block.decompress(block, limit=most))
    except errors.Undecodable as error:
        raise Failure("malformed", f"the body cannot be read: {error}") from error
    except DecodeError as error:
        raise Failure("malformed", "the body is not a remote-read request") from error
    if len(request.queries) > _MOST_QUERIES:
        raise Failure("limit", f"a request may hold at most {_MOST_QUERIES} queries")
    return request


def _is_streamed(request: remote_pb2.ReadRequest) -> bool:
    for accepted in request.accepted_response_types:
        if accepted in (remote_pb2.ReadRequest.SAMPLES, remote_pb2.ReadRequest.STREAMED_XOR_CHUNKS):
            return accepted == remote_pb2.ReadRequest.STREAMED_XOR_CHUNKS
    if request.accepted_response_types:
        raise Failure("malformed", "none of the accepted response types is known")
    return False


type Matchers = tuple[Matcher, ...]

_NOTHING: Matchers = promql.parse_selector(nothing())


def _parts(
    query: remote_pb2.Query, rules: promql.RuleSet, limits: promql.Limits
) -> tuple[Matchers, ...]:
    """Return the matchers of the queries whose union is the permitted part of `query`."""
    if not query.matchers:
        return (_NOTHING,)  # as Prometheus takes it
    try:
        given = [Matcher(one.name, _OPS[one.type], one.value) for one in query.matchers]
    except KeyError as error:
        raise Failure("malformed", "a matcher has an unknown type") from error
    ignorable = tuple(matcher for matcher in given if _may_be_ignored(matcher))
    kept = tuple(matcher for matcher in given if not _may_be_ignored(matcher))
    return tuple((*ignorable, *part) for part in _restricted(kept, rules, limits))


def _may_be_ignored(matcher: Matcher) -> bool:
    """Return whether some server's external labels could make it ignore the matcher.

    No server has an external label `__name__`, so only an empty one is ignored.
    """
    return matcher.op == "=" and not (matcher.label == _NAME and matcher.value)


def _restricted(matchers: Matchers, rules: promql.RuleSet, limits: promql.Limits) -> list[Matchers]:
    with explained("matchers"):
        try:
            texts = _rewritten(matchers, rules, limits)
        except promql.ParseError:
            # A selector of everything, unless it is none: Prometheus takes one here.
            texts = _rewritten((*matchers, _ANY_NAME), rules, limits)
        return [tuple(map(_guarded, promql.parse_selector(text))) for text in texts]


def _rewritten(matchers: Matchers, rules: promql.RuleSet, limits: promql.Limits) -> tuple[str, ...]:
    text = promql.format_selector(matchers)
    return promql.rewrite_match(text, rules, upstream=_UPSTREAM, limits=limits)


def _guarded(matcher: Matcher) -> Matcher:
    """Return the matcher in a form that no server ignores."""
    if _may_be_ignored(matcher):
        return Matcher(matcher.label, "=~", quote_meta(matcher.value))
    return matcher


def _round(
    request: remote_pb2.ReadRequest, parts: Sequence[Sequence[Matchers]], number: int
) -> bytes:
    """Return a request with the part of this number of each query, or nothing where it has none."""
    rebuilt = remote_pb2.ReadRequest()
    for query, alternatives in zip(request.queries, parts, strict=True):
        one = rebuilt.queries.add()
        one.start_timestamp_ms = query.start_timestamp_ms
        one.end_timestamp_ms = query.end_timestamp_ms
        if query.HasField("hints"):
            one.hints.CopyFrom(query.hints)
        for matcher in alternatives[number] if number < len(alternatives) else _NOTHING:
            one.matchers.add(
                type=_TYPES[matcher.op],
                name=matcher.label,
                value=matcher.value,
            )
    if _is_streamed(request):
        rebuilt.accepted_response_types.append(remote_pb2.ReadRequest.STREAMED_XOR_CHUNKS)
    rebuilt.DiscardUnknownFields()
    return rebuilt.SerializeToString()

"""Hostile remote reads: matchers that servers ignore, unions, and what cannot be read."""

import itertools

import pytest
from tests.leakage import victim
from tests.leakage.compared import all_of
from tests.leakage.estate import TALLY, Answered, Estate

from tenantry_common import snappy_block
from tenantry_common.proto import remote_pb2

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

_HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
_OPS = ("=", "!=", "=~", "!~")

type Matchers = tuple[tuple[str, str, str], ...]

_SINGLE: tuple[tuple[str, str, str], ...] = (
    ("__name__", "=", "bank_total"),
    ("__name__", "=~", ".+"),
    ("__name__", "=", ""),
    ("__name__", "!=", "x"),
    ("namespace", "=", "bank"),
    ("namespace", "=", "shop"),
    ("namespace", "=", ""),
    ("namespace", "!=", "shop"),
    ("namespace", "=~", "shop|bank"),
    ("namespace", "!~", "shop"),
    ("secret", "=", ""),
    ("secret", "!=", ""),
    ("secret", "=~", ".+"),
    ("nothing", "=", ""),
    ("nothing", "!~", ".+"),
    ("team", "=", "a"),
)
_QUERIES: tuple[Matchers, ...] = (
    (),
    *((one,) for one in _SINGLE),
    *itertools.combinations(_SINGLE, 2),
)


def request(*queries: Matchers, streamed: bool) -> bytes:
    message = remote_pb2.ReadRequest()
    message.accepted_response_types.append(1 if streamed else 0)  # type: ignore[arg-type]  # numbers will do
    for matchers in queries:
        query = message.queries.add(
            start_timestamp_ms=victim.START * 1000, end_timestamp_ms=victim.END * 1000
        )
        for label, op, value in matchers:
            query.matchers.add(type=_OPS.index(op), name=label, value=value)
    return snappy_block.compress(message.SerializeToString())


async def attack(estate: Estate, tenant: str, body: bytes) -> Answered:
    found = await estate.attack(tenant, "POST", "/api/v1/read", data=body, headers=_HEADERS)
    if found.headers["Content-Type"] == "application/x-protobuf":
        # The mark does not show through the compression.
        whole = snappy_block.decompress(found.body, limit=1 << 24)
        if victim.MARK.encode() in whole:
            TALLY.leaks.append(f"{tenant} {body!r}: {whole!r}")
    return found


@pytest.mark.parametrize("tenant", victim.TENANTS)
@pytest.mark.parametrize("streamed", [False, True], ids=["samples", "chunks"])
async def test_a_query_sees_the_permitted_series_only(
    attacked: Estate, tenant: str, streamed: bool
) -> None:
    async def compare(*queries: Matchers) -> None:
        body = request(*queries, streamed=streamed)
        found = await attack(attacked, tenant, body)
        direct = await attacked.send(
            f"{attacked.permitted[tenant]}/api/v1/read", "POST", data=body, headers=_HEADERS
        )
        if (found.status, _size(found)) != (direct.status, _size(direct)):
            TALLY.leaks.append(f"{tenant} {queries}: {found.status}, {direct.status}")

    with attacked.judged(tenant):
        await all_of(
            *(compare(one) for one in _QUERIES),
            compare(*_QUERIES[:30]),
            compare(_QUERIES[1], _QUERIES[1], _QUERIES[5]),
        )


def _size(answer: Answered) -> int:
    """Return how long an answer is without compression; the order of series may differ."""
    if answer.headers["Content-Type"] == "application/x-protobuf":
        return snappy_block.decoded_size(answer.body)
    return len(answer.body)


async def test_what_cannot_be_read_reaches_nobody(attacked: Estate) -> None:
    good = request((("namespace", "=", "bank"),), streamed=False)
    bodies = (
        b"",
        b"\xff" * 5 + b"\x0f",
        b"\xff\xff\xff\xff\x0f" + b"\0" * 1000,
        good[:-1],
        good + b"\0",
        snappy_block.compress(b"\0" * (2 << 20)),
        snappy_block.compress(b"\x0a\xff\xff\xff\xff\x0f"),
        snappy_block.compress(b"\x0a\x0a\x1a\x08\x08\x09\x12\x01a\x1a\x01b"),
        snappy_block.compress(b"\x0a\x09\x1a\x07\x12\x01\xff\x1a\x02\xff\xfe"),
        request((("a", "=~", "("),), streamed=False),
        request((("namespace", "=~", "shop)|(.*"),), streamed=False),
        request((("a", "=~", "(x{1,100}){1,100}"),), streamed=False),
        request((("__tenantry_never__", "=~", ".*"),), streamed=False),
        request(*[(("a", "=~", "b"),)] * 1000, streamed=False),
    )
    with attacked.judged("shop") as reached:
        for body in bodies:
            found = await attack(attacked, "shop", body)
            assert found.status in (400, 413, 422), body

    assert reached == []


async def test_hints_and_unknown_fields_select_nothing_more(attacked: Estate) -> None:
    message = remote_pb2.ReadRequest()
    query = message.queries.add(end_timestamp_ms=victim.END * 1000)
    query.matchers.add(type=remote_pb2.LabelMatcher.RE, name="__name__", value=".+")
    query.hints.func = "series"
    query.hints.grouping.append("secret")
    query.hints.by = True
    for extra in (b"", b"\xa2\x06\x04bank", b"\x0a\x00", b"\x98\x06\x01"):
        body = snappy_block.compress(message.SerializeToString() + extra)
        with attacked.judged("shop"):
            await attack(attacked, "shop", body)

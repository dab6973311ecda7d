"""Frames of chunks are shown or withheld whole, as they came."""

from collections.abc import AsyncIterator

import pytest

import tenantry_promql as promql
from query_gateway import read_chunks
from query_gateway.answers import NotAnAnswer, Violation
from query_gateway.shards.frames import Uncomputable
from query_gateway.stored_labels import StoredLabels
from tenantry_common import protowire, remote_write
from tenantry_common.contracts import Backend

STORED = StoredLabels(
    promql.RuleSet(map(promql.parse_rule, ('{ns="shop"}', '{cluster="eu1"}'))),
    Backend(id="a", url="", ha_set="a", external_labels={"cluster": "eu1"}),
)


def frame(labels: dict[str, str], query: int = 0, data: bytes = b"x", more: bytes = b"") -> bytes:
    series = remote_write.encode_labels(labels) + protowire.delimited(2, data)
    payload = protowire.delimited(1, series) + more
    if query:
        payload += protowire.tag(2, protowire.VARINT) + protowire.varint(query)
    return protowire.varint(len(payload)) + b"crc!" + payload


A = frame({"job": "a", "ns": "shop", "cluster": "eu1"})
A_MORE = frame({"job": "a", "ns": "shop", "cluster": "eu1"}, data=b"y" * 300)
B = frame({"job": "b", "ns": "shop"})
A_OF_SECOND = frame({"job": "a", "ns": "shop"}, 1)
DOUBTFUL = frame({"job": "c", "cluster": "eu1"})
FOREIGN = frame({"job": "d", "ns": "bank"})


async def pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def admitted(data: bytes, size: int = 7) -> list[bytes]:
    return [one async for one in read_chunks.admitted(pieces(data, size), STORED)]


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_frames_are_passed_on_as_they_came(size: int) -> None:
    assert await admitted(A + A_MORE + B + A_OF_SECOND, size) == [A, A_MORE, B, A_OF_SECOND]


async def test_a_doubtful_series_is_withheld() -> None:
    assert await admitted(A + DOUBTFUL + B) == [A, B]


async def test_a_foreign_series_is_a_violation() -> None:
    with pytest.raises(Violation):
        await admitted(A + FOREIGN)
    with pytest.raises(Violation):
        read_chunks.united([A, FOREIGN], STORED)


def test_answers_are_united_sorted_and_each_series_comes_once() -> None:
    found = read_chunks.united([B + A_OF_SECOND, DOUBTFUL, A + A_MORE + B], STORED)

    assert found == A + A_MORE + B + A_OF_SECOND


def test_no_answers_are_an_empty_one() -> None:
    assert read_chunks.united([], STORED) == b""


NOT_ANSWERS = [
    pytest.param(A[:-1], id="cut off"),
    pytest.param(b"\xff" * 12, id="no length"),
    pytest.param(protowire.varint(1 << 40) + b"x", id="too long"),
    pytest.param(b"\x01crc!\xff", id="no message"),
    pytest.param(b"\x00crc!", id="of no series"),
    pytest.param(frame({"ns": "shop"}, more=protowire.delimited(1, b"")), id="of two series"),
    pytest.param(b"<html>", id="something else"),
]


@pytest.mark.parametrize("data", NOT_ANSWERS)
async def test_what_is_no_answer_is_none(data: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        await admitted(data)
    with pytest.raises(NotAnAnswer):
        read_chunks.united([data], STORED)


def test_shards_are_united_query_by_query_in_the_order_of_their_labels() -> None:
    other = frame({"job": "a", "ns": "shop", "cluster": "us1"})

    assert read_chunks.of_shards([B + A_OF_SECOND, other, A + A_MORE]) == (
        A + A_MORE + other + B + A_OF_SECOND
    )


def test_a_series_in_two_shards_is_refused() -> None:
    with pytest.raises(Uncomputable):
        read_chunks.of_shards([A, A_MORE])

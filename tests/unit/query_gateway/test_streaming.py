"""An answer that is passed on ends where the backend's does, or is seen not to."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import cast

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from query_gateway.answers import NotAnAnswer, Violation
from query_gateway.failures import Failure
from query_gateway.inbound.request import Request
from query_gateway.metrics import Metrics
from query_gateway.streaming import Streaming
from query_gateway.visit import Visit


@dataclass
class Client:
    """Who asked, and what came there; of a `Request` what is needed to answer it."""

    stalls: bool = False
    visit: Visit = field(default_factory=lambda: Visit(id="1", endpoint="query"))
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None
    came: list[bytes] = field(default_factory=list)
    end_came: bool = False
    hung_up: bool = False

    async def begin(self, headers: Mapping[str, str], length: int | None) -> None:
        self.headers, self.length = headers, length

    async def write(self, chunk: bytes) -> None:
        if self.stalls:
            await asyncio.Event().wait()
        self.came.append(chunk)

    async def end(self) -> None:
        self.end_came = True

    def abort(self) -> None:
        self.hung_up = True


async def send(
    client: Client, *given: bytes | Exception, most: int = 100, stall_seconds: float = 5
) -> float:
    """Pass an answer on to `client`; return how many are counted as broken off."""
    registry = CollectorRegistry()
    await Streaming(Metrics(registry), stall_seconds=stall_seconds).send(
        cast(Request, client), "query", parts(*given), content_type="text/x", most=most
    )
    return broken_off(registry)


async def parts(*given: bytes | Exception) -> AsyncIterator[bytes]:
    for one in given:
        if isinstance(one, Exception):
            raise one
        yield one


def broken_off(registry: CollectorRegistry) -> float:
    name = "tenantry_query_gateway_broken_off_total"
    return registry.get_sample_value(name, {"endpoint": "query"}) or 0.0


@pytest.mark.parametrize("given", [(), (b"a",), (b"a", b"b")])
async def test_an_answer_is_passed_on(given: tuple[bytes, ...]) -> None:
    client = Client()

    assert await send(client, *given) == 0
    assert (client.headers["Content-Type"], client.headers["Cache-Control"]) == (
        "text/x",
        "no-store",
    )
    assert (client.came, client.end_came, client.hung_up) == (list(given), True, False)
    assert not client.visit.broken_off


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Violation(), Violation),
        (NotAnAnswer(), Failure),
        (aiohttp.ClientPayloadError(), Failure),
        (TimeoutError(), Failure),
        (KeyError(), KeyError),
        (b"x" * 101, Failure),
    ],
    ids=["violation", "no answer", "broken", "stalled", "bug", "too long"],
)
async def test_what_goes_wrong_before_the_first_chunk_can_still_be_answered(
    error: Exception | bytes, expected: type[Exception]
) -> None:
    client = Client()
    with pytest.raises(expected):
        await send(client, error)

    assert (client.headers, client.hung_up) == ({}, False)


@pytest.mark.parametrize(
    "error",
    [NotAnAnswer(), aiohttp.ClientPayloadError(), TimeoutError(), KeyError(), b"x" * 100],
    ids=["no answer", "broken", "stalled", "bug", "too long"],
)
async def test_what_goes_wrong_later_breaks_the_answer_off(error: Exception | bytes) -> None:
    client = Client()

    assert await send(client, b"a", error) == 1
    assert (client.came, client.end_came, client.hung_up) == ([b"a"], False, True)
    assert client.visit.broken_off


async def test_a_violation_breaks_the_answer_off_and_is_told() -> None:
    client = Client()
    with pytest.raises(Violation):
        await send(client, b"a", Violation())

    assert (client.end_came, client.hung_up) == (False, True)


async def test_a_client_that_does_not_read_is_given_up() -> None:
    client = Client(stalls=True)

    assert await send(client, b"a", stall_seconds=0.01) == 1
    assert client.hung_up

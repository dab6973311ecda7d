"""A watch of a bucket tells each change in order, and ends when it may have missed one."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from nats.aio.msg import Msg

from tenantry_common import errors, kv_watch
from tenantry_common.kv_watch import Change, Watch

SOON = 5.0


@pytest.fixture
async def watch() -> Watch:
    connected: Any = SimpleNamespace(connected=True)
    return Watch(connected, "jobs")


def until() -> float:
    return asyncio.get_running_loop().time() + SOON


def change(number: int, left: int = 0, operation: str = "") -> Msg:
    """Return the `number`-th message of a consumer."""
    none: Any = None
    return Msg(
        none,
        subject="$KV.jobs.a.b",
        reply=f"$JS.ACK.KV_jobs.c.1.{10 + number}.{number}.1700000000000000000.{left}",
        data=b"v",
        headers={"KV-Operation": operation} if operation else None,
    )


def heartbeat(sent: int) -> Msg:
    none: Any = None
    return Msg(none, headers={"Status": "100", "Nats-Last-Consumer": str(sent)})


async def test_changes_are_told_in_order(watch: Watch) -> None:
    await watch.take(change(1, left=1))
    await watch.take(heartbeat(1))
    await watch.take(change(2, operation="DEL"))

    found = [await watch.next(until()), await watch.next(until())]

    assert found == [Change("a.b", b"v", 1), Change("a.b", None, 0)]


async def test_nothing_new_is_no_fault(watch: Watch) -> None:
    await watch.take(heartbeat(0))

    assert await watch.next(asyncio.get_running_loop().time()) is None


async def test_what_came_is_told_before_the_end_after_a_reconnect(watch: Watch) -> None:
    await watch.take(change(1))
    watch.reconnected()
    await watch.take(change(2))

    found = [await watch.next(until()) for _ in range(3)]

    assert found == [Change("a.b", b"v", 0), None, None]


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        pytest.param(change(3), "a change is missing", id="a number is missing"),
        pytest.param(heartbeat(2), "more than has come", id="a heartbeat is ahead"),
    ],
)
async def test_a_change_that_is_missed_ends_the_watch(
    watch: Watch, second: Msg, reason: str
) -> None:
    await watch.take(change(1))
    await watch.take(second)

    assert await watch.next(until()) == Change("a.b", b"v", 0)
    with pytest.raises(errors.BusUnavailable, match=reason):
        await watch.next(until())


async def test_silence_ends_the_watch_while_there_is_a_connection(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kv_watch, "_SILENCE_SECONDS", 0.05)

    with pytest.raises(errors.BusUnavailable, match="silence"):
        await watch.next(until())


async def test_silence_without_a_connection_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kv_watch, "_SILENCE_SECONDS", 0.05)
    away: Any = SimpleNamespace(connected=False)

    assert await Watch(away, "jobs").next(asyncio.get_running_loop().time() + 0.2) is None

"""Follow one bucket as its server tells of it: what is there, and then each change, in order.

A consumer that pushes to an inbox of its own and numbers what it sends. Nothing is asked for while
nothing changes: the server's heartbeats say that nothing was missed. Whatever is irregular (a
number that is missing, silence, a new connection) ends the watch; whoever follows reads again.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from typing import NamedTuple

from nats.aio.msg import Msg
from nats.js import api

from tenantry_common import bus, errors, subjects

_HEARTBEAT_SECONDS = 4.0
_SILENCE_SECONDS = 2.5 * _HEARTBEAT_SECONDS
_FORGOTTEN_SECONDS = 10.0
_LAST_SENT = "Nats-Last-Consumer"
_GONE = ("KV-Operation", "Nats-Marker-Reason")
"""Headers of a message that is no value: the key was deleted, or has expired."""


class Change(NamedTuple):
    """What became of a key: its value, None when it is gone."""

    key: str
    value: bytes | None
    left: int
    """How many changes the server knew behind this one; 0 for the last of what was there."""


class Watch:
    """One watch of one bucket, from `opened`."""

    def __init__(self, connection: bus.Bus, bucket: str) -> None:
        self.expected = 0
        """How many keys, deleted ones included, the server sends of what was there."""
        self._bus = connection
        self._stream = subjects.bucket_stream(bucket)
        self._prefix = len(subjects.bucket_subject(bucket, ""))
        self._arrived: deque[Change] = deque()
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._heard = self._loop.time()
        self._number = 0
        self._ended = False
        self._irregular = ""

    async def next(self, until: float) -> Change | None:
        """Return the next change; None at `until` (the loop's time), or after a reconnect.

        Raises `errors.BusUnavailable` when changes may have been missed.
        """
        while not self._arrived and not self._ended:
            now = self._loop.time()
            if now >= until:
                return None
            if not self._bus.connected:
                self._heard = now
            if now >= self._heard + _SILENCE_SECONDS:
                self._end("silence")
                break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(min(until, self._heard + _SILENCE_SECONDS)):
                    await self._news.wait()
            self._news.clear()
        if self._arrived:
            return self._arrived.popleft()
        if self._irregular:
            raise errors.BusUnavailable(f"watch of {self._stream}: {self._irregular}")
        return None

    async def stored(self) -> int:
        """Return how many keys the bucket has now, deleted ones included."""
        info = await self._bus.js.stream_info(self._stream)
        return int(info.state.messages)

    async def take(self, message: Msg) -> None:
        """Take in what the server sent (called by the client)."""
        self._heard = self._loop.time()
        headers = message.headers or {}
        if not message.reply:
            if int(headers.get(_LAST_SENT, self._number)) != self._number:
                self._end("heartbeat tells of more than has come")
            return
        if self._ended:
            return
        meta = message.metadata
        self._number += 1
        if meta.sequence.consumer != self._number:
            self._end("a change is missing")
            return
        gone = any(name in headers for name in _GONE)
        key = message.subject[self._prefix :]
        value = None if gone else message.data
        self._arrived.append(Change(key, value, meta.num_pending or 0))
        self._news.set()

    def reconnected(self) -> None:
        """End, because what happened meanwhile is not known."""
        self._end("")

    def _end(self, reason: str) -> None:
        self._ended = True
        self._irregular = reason
        self._news.set()


@contextlib.asynccontextmanager
async def opened(connection: bus.Bus, bucket: str) -> AsyncIterator[Watch]:
    """Yield a watch of `bucket`, from the newest state of each key on.

    Raises what the client raises, see `bus.translated`.
    """
    watch = Watch(connection, bucket)
    inbox = await connection.client.subscribe(connection.client.new_inbox(), cb=watch.take)
    connection.followers.add(watch.reconnected)
    try:
        settings = api.ConsumerConfig(
            deliver_subject=inbox.subject,
            deliver_policy=api.DeliverPolicy.LAST_PER_SUBJECT,
            filter_subject=subjects.bucket_subject(bucket, ">"),
            ack_policy=api.AckPolicy.NONE,
            max_deliver=1,
            idle_heartbeat=_HEARTBEAT_SECONDS,
            inactive_threshold=_FORGOTTEN_SECONDS,
            mem_storage=True,
            num_replicas=1,
        )
        info = await connection.js.add_consumer(subjects.bucket_stream(bucket), config=settings)
        sent = info.delivered.consumer_seq if info.delivered else 0
        watch.expected = (info.num_pending or 0) + sent
        yield watch
    finally:
        connection.followers.discard(watch.reconnected)
        await inbox.unsubscribe()

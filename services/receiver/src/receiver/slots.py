"""The least time between two uploads of a cluster, kept for all instances by the stream itself.

A cluster's slot is its newest message on stream LATEST: its time says when the slot was taken, and
its sequence is the fence under which the next one is stored. So a slot is taken by nothing but an
upload that is stored, and of two that come at the same time to two instances one is refused.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from receiver import refusal
from receiver.messages import Message
from receiver.store import Store
from tenantry_common import backoff, batches, bus, errors, subjects

_MOST_REMEMBERED = 10_000
_GRACE = 0.02  # of the interval: clients that keep to it must not be refused for their clock


class Slots:
    """Takes slots. Everything raises `refusal.Refused`: 429 while one is taken, 503 without NATS."""

    def __init__(
        self, connection: bus.Bus, store: Store, *, now: Callable[[], float] = time.time
    ) -> None:
        self._bus = connection
        self._store = store
        self._now = now
        self._taken: OrderedDict[str, float] = OrderedDict()

    def glance(self, subject: str) -> None:
        """Refuse at once what this instance knows to come too early, without asking the stream."""
        until = self._taken.get(subject, 0.0)
        if (left := until - self._now()) > 0:
            raise _too_often(left)

    async def look(self, subject: str, interval_ms: int, message_id: str) -> int | None:
        """Return the fence for the next upload; None: the very same one is stored already."""
        try:
            async with asyncio.timeout(self._store.seconds):
                last = await self._last(subject)
        except TimeoutError as error:
            raise refusal.unavailable("the stream cannot be read now") from error
        if last is None:
            return 0
        if last.headers.get(subjects.HEADER_MSG_ID) == message_id:
            return None
        left = last.at_ms / 1000 + _length(interval_ms) - self._now()
        if left > 0:
            self._remember(subject, self._now() + left)
            raise _too_often(left)
        return last.sequence

    async def take(self, message: Message, interval_ms: int, after: int) -> None:
        """Store what takes the slot, unless somebody else took it after the look."""
        self._store.check(message)
        try:
            async with asyncio.timeout(self._store.seconds):
                await self._insist(message, interval_ms, after)
        except TimeoutError as error:
            raise refusal.unavailable("the stream cannot be written now") from error
        self._remember(message.subject, self._now() + _length(interval_ms))

    async def _insist(self, message: Message, interval_ms: int, after: int) -> None:
        delays = backoff.delays(0.05, 1.0)
        while True:
            try:
                await batches.publish(
                    self._bus, message.subject, message.data, message.headers, after=after
                )
                return
            except errors.Fenced as error:
                # Perhaps by ourselves: a try that got no answer may have been stored.
                if await self._is_last(message):
                    return
                raise _too_often(_length(interval_ms)) from error
            except errors.BusUnavailable:
                await asyncio.sleep(next(delays))

    async def _is_last(self, message: Message) -> bool:
        last = await self._last(message.subject)
        wanted = message.headers[subjects.HEADER_MSG_ID]
        return last is not None and last.headers.get(subjects.HEADER_MSG_ID) == wanted

    async def _last(self, subject: str) -> batches.Stored | None:
        """Return the newest message of `subject`, however long that takes."""
        delays = backoff.delays(0.05, 1.0)
        while True:
            try:
                return await batches.last(self._bus, subjects.LATEST, subject)
            except errors.BusUnavailable:
                await asyncio.sleep(next(delays))

    def _remember(self, subject: str, until: float) -> None:
        self._taken.pop(subject, None)
        self._taken[subject] = until
        while len(self._taken) > _MOST_REMEMBERED:
            self._taken.popitem(last=False)


def _length(interval_ms: int) -> float:
    return interval_ms / 1000 * (1 - _GRACE)


def _too_often(seconds: float) -> refusal.Refused:
    return refusal.too_often("the cluster pushed a moment ago", int(seconds) + 1)

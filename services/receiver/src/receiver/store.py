"""Store messages on their streams, with patience: every try has the same ids, so nothing is twice."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

from receiver import refusal
from receiver.messages import Message
from tenantry_common import backoff, batches, bus, errors, subjects, tasks

_TRY_SECONDS = 2.0
_HEADER_BYTES = 4096  # what NATS counts besides the data, generously


class Store:
    """The way to the streams. Everything raises `refusal.Refused` (503) when they do not answer."""

    def __init__(self, connection: bus.Bus, seconds: float) -> None:
        """Try for at most so many `seconds`."""
        self._bus = connection
        self.seconds = seconds
        """For which a message is tried to be stored."""
        self._last: dict[str, int] = {}

    async def samples(self, messages: Iterable[Message], others: Iterable[Message] = ()) -> None:
        """Store batches, and other messages, at the same time; return when all are stored.

        Each names a batch that is stored on its subject before it, if this instance knows one: if
        that is gone when a writer meets this one, the writer knows that something was missed.
        """
        async with _flat(), asyncio.TaskGroup() as group:
            for one in messages:
                tasks.spawn(group, one.subject, self._sample(one))
            for one in others:
                tasks.spawn(group, one.subject, self.append(one, one.headers))

    async def all(self, messages: Iterable[Message]) -> None:
        """Store messages, at the same time; return when all are stored."""
        await self.samples((), messages)

    async def append(self, message: Message, headers: dict[str, str]) -> int:
        """Store one message; return its sequence."""
        self.check(message)
        delays = backoff.delays(0.05, 1.0)
        try:
            async with asyncio.timeout(self.seconds):
                while True:
                    try:
                        return await batches.append(
                            self._bus, message.subject, message.data, headers, timeout=_TRY_SECONDS
                        )
                    except errors.BusUnavailable:
                        await asyncio.sleep(next(delays))
        except TimeoutError as error:
            raise refusal.unavailable("the stream cannot be written now") from error

    def check(self, message: Message) -> None:
        """Raise `refusal.Refused` (413) for a message that no server would take."""
        if len(message.data) + _HEADER_BYTES > self._bus.client.max_payload:
            raise refusal.too_large("what would be stored is larger than one message may be")

    async def _sample(self, message: Message) -> None:
        last = self._last.get(message.subject, 0)
        headers = {**message.headers, subjects.HEADER_AFTER: str(last)}
        stored = await self.append(message, headers)
        self._last[message.subject] = max(stored, self._last.get(message.subject, 0))


@contextlib.asynccontextmanager
async def _flat() -> AsyncIterator[None]:
    """Raise the first of the refusals that a group of tasks ends with, instead of the group."""
    try:
        yield
    except* refusal.Refused as group:
        found: BaseException = group
        while isinstance(found, BaseExceptionGroup):
            found = found.exceptions[0]
        raise found from None

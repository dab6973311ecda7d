"""Know for how long a message is certainly ours, and stop working on it when it may not be.

The server counts `ack_wait` from the moment at which it handed the message out, or last heard of
progress. We count from the moment before: when we asked for the message, and when we sent word of
progress. So whatever happens to the connection or to this process, our count ends first, and we
stop before anybody else can begin. What has left for the endpoint by then cannot be called back;
`deliver_loop` says why that does no harm.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from tenantry_common import batches, errors, tasks

_log = logging.getLogger(__name__)

_RETRY_SECONDS = 0.5


class Lost(Exception):
    """The message may be somebody else's by now. Leave it; it comes again, to us or to others."""


class Hold:
    """Our right to act for one message; ends at its deadline unless it is renewed before."""

    def __init__(self, scope: asyncio.Timeout) -> None:
        self._scope = scope

    @property
    def deadline(self) -> float:
        """Loop time at which the right ends."""
        return self._scope.when() or 0.0

    async def check(self) -> None:
        """Return while the right lasts; once it has ended, wait for the cancellation that is due.

        After a pause of the whole process this code may run before the timer does.
        """
        if asyncio.get_running_loop().time() >= self.deadline:
            await asyncio.Event().wait()

    def extend(self, until: float) -> None:
        """Prolong a right that has not ended; what has ended cannot be got back."""
        if asyncio.get_running_loop().time() < self.deadline:
            self._scope.reschedule(until)


@contextlib.asynccontextmanager
async def of(
    delivery: batches.Delivery, ack_wait: float, beat: Callable[[], Awaitable[None]]
) -> AsyncIterator[Hold]:
    """Hold `delivery` while the body runs: word of progress every third of `ack_wait` seconds.

    The body is cancelled and `Lost` raised when the right ends. `beat` is awaited after each word.
    """
    certain = ack_wait * 0.9  # the rest is for a request under way to come to its end
    try:
        async with asyncio.timeout_at(delivery.asked + certain) as scope:
            hold = Hold(scope)
            await hold.check()
            async with asyncio.TaskGroup() as group:
                renewing = tasks.spawn(group, "hold", _renew(delivery, hold, certain, beat))
                yield hold
                renewing.cancel()
    except TimeoutError as error:
        raise Lost(delivery.subject) from error


async def _renew(
    delivery: batches.Delivery, hold: Hold, certain: float, beat: Callable[[], Awaitable[None]]
) -> None:
    loop = asyncio.get_running_loop()
    due = delivery.asked + certain / 3  # most batches are settled before and cost no word
    while True:
        await asyncio.sleep(due - loop.time())
        said = loop.time()
        due = said + certain / 3
        try:
            await delivery.in_progress()
            hold.extend(said + certain)
            await beat()
        except errors.BusUnavailable as error:
            _log.debug("progress not confirmed", extra={"error": str(error)})
            due = loop.time() + min(_RETRY_SECONDS, certain / 10)

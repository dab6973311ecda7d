"""Keep `Newest` in step with stream `LATEST`, whatever becomes of the connection or the stream."""

import asyncio
import contextlib
import datetime
import logging
import time

import nats.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext, api

from receiver.federate.newest import KEPT_SECONDS, Newest
from tenantry_common import bus, errors, subjects, tasks

_log = logging.getLogger(__name__)

_BATCH = 256
_WAIT_SECONDS = 1.0
_IDLE_SECONDS = 60.0  # without anybody asking, after which the server drops our consumer


class Mirror:
    """Reads the stream into `newest`: all of it first, then what is added."""

    def __init__(self, connection: bus.Bus) -> None:
        self.newest = Newest()
        self.refused = 0
        """Messages that could not be read."""
        self._bus = connection
        self._complete = asyncio.Event()
        self._created: datetime.datetime | None = None
        self._sequence = 0

    @property
    def is_complete(self) -> bool:
        """Whether all that the stream held at the start has been read."""
        return self._complete.is_set()

    async def complete(self) -> None:
        """Wait until `is_complete`."""
        await self._complete.wait()

    async def run(self) -> None:
        """Follow the stream, for ever."""
        await tasks.forever(f"follow {subjects.LATEST}", self._follow)

    async def _follow(self) -> None:
        """Read from where we are until the connection was lost once."""
        epoch = self._bus.epoch
        with bus.translated(f"follow {subjects.LATEST}"):
            info = await self._bus.js.stream_info(subjects.LATEST)
            if self._created not in (None, info.created) or info.state.last_seq < self._sequence:
                _log.warning("stream was created anew, reading all of it")
                self.newest.clear()
                self._sequence = 0
            self._created = info.created
            subscription = await self._subscribe()
            try:
                while self._bus.epoch == epoch:
                    await self._take(subscription)
            finally:
                with contextlib.suppress(nats.errors.Error):
                    await subscription.unsubscribe()

    async def _subscribe(self) -> JetStreamContext.PullSubscription:
        settings = api.ConsumerConfig(
            deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self._sequence + 1,
            ack_policy=api.AckPolicy.NONE,
            inactive_threshold=_IDLE_SECONDS,
            mem_storage=True,
            num_replicas=1,
        )
        return await self._bus.js.pull_subscribe(
            subjects.LATEST_SUBJECTS, stream=subjects.LATEST, config=settings
        )

    async def _take(self, subscription: JetStreamContext.PullSubscription) -> None:
        messages: list[Msg] = []
        with contextlib.suppress(nats.errors.TimeoutError):
            messages = await subscription.fetch(_BATCH, timeout=_WAIT_SECONDS)
        for message in messages:
            self._apply(message)
        if not messages or not messages[-1].metadata.num_pending:
            self._complete.set()
        self.newest.forget(time.time())

    def _apply(self, message: Msg) -> None:
        metadata = message.metadata
        until = metadata.timestamp.timestamp() + KEPT_SECONDS
        try:
            self.newest.apply(subjects.parse_latest(message.subject), message.data, until)
        except (errors.Undecodable, ValueError) as error:
            self.refused += 1
            _log.error(
                "newest samples of a cluster cannot be read",
                extra={"subject": message.subject, "error": str(error)},
            )
        self._sequence = metadata.sequence.stream

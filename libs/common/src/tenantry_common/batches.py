"""Publish batches to a stream under a fence, read them back, and pull them in order."""

import contextlib
import datetime
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

import nats.errors
import nats.js.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import api

from tenantry_common import bus, errors, subjects

_EXPECTED_LAST = "Nats-Expected-Last-Subject-Sequence"
_NEXT = "$JS.API.CONSUMER.MSG.NEXT"
_SETTLE_SECONDS = 2.0
_ANSWER_SECONDS = 2.0  # what the server's "nothing came" may take beyond the time asked for
_NOTHING_CAME = ("404", "408")


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A message of a stream."""

    subject: str
    sequence: int
    headers: Mapping[str, str]
    data: bytes
    at_ms: int
    """When the stream took it, by the server's clock."""


@dataclass(frozen=True, kw_only=True)
class Settled:
    """How far a consumer has come."""

    waiting: int
    """Messages that it has not settled."""
    floor: int
    """Sequence up to which it has settled everything; 0: nothing."""


async def publish(
    connection: bus.Bus,
    subject: str,
    data: bytes,
    headers: Mapping[str, str],
    *,
    after: int,
) -> int:
    """Store `data` if the subject's last message still has sequence `after` (0: none yet).

    Returns the new sequence. Raises `errors.Fenced` when somebody else published meanwhile, and
    `errors.BusUnavailable` when it is not known whether it was stored: read the subject's last
    message to find out.
    """
    fenced = {**headers, _EXPECTED_LAST: str(after)}
    with bus.translated(f"publish to {subject}"):
        ack = await connection.js.publish(subject, data, headers=fenced)
    if ack.duplicate:
        raise errors.Fenced(f"publish to {subject}: this batch is already stored")
    return ack.seq


async def append(
    connection: bus.Bus,
    subject: str,
    data: bytes,
    headers: Mapping[str, str],
    *,
    timeout: float | None = None,
) -> int:
    """Store `data` without a fence; return its sequence, or that of its first copy.

    Raises `errors.BusUnavailable`, also when the word of the stream takes longer than `timeout`
    seconds; then it may be stored.
    """
    with bus.translated(f"publish to {subject}"):
        ack = await connection.js.publish(subject, data, headers=dict(headers), timeout=timeout)
    return ack.seq


async def last(connection: bus.Bus, stream: str, subject: str) -> Stored | None:
    """Return the newest message of `subject`, read from the stream's leader, or None."""
    with bus.translated(f"last message of {subject}"):
        try:
            return _stored(await connection.js.get_last_msg(stream, subject))
        except nats.js.errors.NotFoundError:
            return None


async def following(connection: bus.Bus, stream: str, subject: str, after: int) -> Stored | None:
    """Return the oldest message of `subject` with a sequence above `after`, or None."""
    with bus.translated(f"message of {subject} after {after}"):
        try:
            return _stored(
                await connection.js.get_msg(stream, seq=after + 1, subject=subject, next=True)
            )
        except nats.js.errors.NotFoundError:
            return None


def waiting(info: api.ConsumerInfo) -> int:
    """Return how many messages a consumer has not settled; pure."""
    return (info.num_pending or 0) + (info.num_ack_pending or 0)


async def settled(connection: bus.Bus, stream: str, consumer: str, subject: str) -> Settled:
    """Return how far a consumer of `subject` has come; not at all, if there is none."""
    with bus.translated(f"consumer {consumer}"):
        try:
            info = await connection.js.consumer_info(stream, consumer)
        except nats.js.errors.NotFoundError:
            found = await connection.js.stream_info(stream, subjects_filter=subject)
            return Settled(waiting=(found.state.subjects or {}).get(subject, 0), floor=0)
    return Settled(waiting=waiting(info), floor=_floor(info))


def _floor(info: api.ConsumerInfo) -> int:
    return (info.ack_floor.stream_seq or 0) if info.ack_floor else 0


async def discard(connection: bus.Bus, stream: str, subject: str, *, until: int) -> None:
    """Remove the messages of `subject` up to sequence `until`. Raises `errors.BusUnavailable`."""
    with bus.translated(f"purge {subject}"):
        await connection.js.purge_stream(stream, seq=until + 1, subject=subject)


async def led(connection: bus.Bus, stream: str) -> None:
    """Return if `stream` has a leader, without whom nothing is stored; raise `BusUnavailable`."""
    with bus.translated(f"stream {stream}"):
        await connection.js.stream_info(stream)


async def subjects_of(connection: bus.Bus, stream: str, pattern: str) -> frozenset[str]:
    """Return the subjects of `stream` that match `pattern` and hold a message."""
    with bus.translated(f"subjects of {stream}"):
        info = await connection.js.stream_info(stream, subjects_filter=pattern)
    return frozenset(info.state.subjects or ())


def _stored(message: api.RawStreamMsg) -> Stored:
    return Stored(
        subject=message.subject or "",
        sequence=message.seq or 0,
        headers=message.headers or {},
        data=message.data or b"",
        at_ms=int(message.time.timestamp() * 1000) if message.time else 0,
    )


class Delivery:
    """A message that a consumer handed out and that nobody else gets until it is settled."""

    def __init__(self, message: Msg, asked: float) -> None:
        self._message = message
        metadata = message.metadata
        self.asked = asked
        """Monotonic seconds; the server handed the message out after this and not before."""
        self.subject = message.subject
        self.sequence: int = metadata.sequence.stream
        self.attempt: int = metadata.num_delivered or 1
        """1 for the first hand-out; above 1 the message may have been delivered before."""
        self.number: int = metadata.sequence.consumer
        """Counts the hand-outs of the consumer, to whomever; repeated ones too."""
        self.stored = metadata.timestamp
        """When the stream took it, by the server's clock."""
        self.pending: int = metadata.num_pending or 0
        """Messages behind this one."""
        self.headers: Mapping[str, str] = message.headers or {}
        self.data: bytes = message.data

    async def ack(self) -> None:
        """Settle for ever, and wait for the server's word. Raises `errors.BusUnavailable`."""
        with bus.translated("acknowledge"):
            await self._message.ack_sync(timeout=_SETTLE_SECONDS)

    async def in_progress(self) -> None:
        """Say that work goes on, which restarts `ack_wait`, and wait for the server's word.

        Without this order can break. The word says that the server heard it, not that the message
        is still ours: that follows only when it comes before the hand-out could have run out.
        Raises `errors.BusUnavailable`.
        """
        with bus.translated("acknowledge progress"):
            # `Msg.in_progress` does not ask for the server's word.
            await self._message._client.request(
                self._message.reply, Msg.Ack.Progress, timeout=_SETTLE_SECONDS
            )

    async def release(self) -> None:
        """Give the message back at once, for whoever asks next."""
        with bus.translated("release"):
            await self._message.nak()


class OrderedPull:
    """A durable consumer that hands out one message at a time, in order, to whoever asks.

    `max_ack_pending = 1` is what keeps the order with any number of askers: the next message is
    not handed out before this one is settled or `ack_wait` has passed without a word.

    Each ask has exactly one answer, a message or the server's word that none came, and an ask whose
    answer did not arrive is never answered late: the next one uses another inbox. So it is known
    since when a message is ours (`Delivery.asked`), which nats-py's `fetch` does not tell: it hands
    out what an earlier, abandoned ask left in its queue.
    """

    def __init__(
        self, connection: bus.Bus, name: str, stream: str, created: datetime.datetime
    ) -> None:
        self.created = created
        """When the consumer came into being, by the server's clock. Before that another one of the
        same name may have handed out what is on the stream, and have been forgotten."""
        self._connection = connection
        self._name = name
        self._stream = stream
        self._inbox: Subscription | None = None

    @classmethod
    async def open(
        cls,
        connection: bus.Bus,
        *,
        name: str,
        subject: str,
        ack_wait: float,
        idle: float,
        stream: str = subjects.SAMPLES,
    ) -> "OrderedPull":
        """Create the consumer on `stream` if it is missing.

        A new consumer starts at the oldest retained message. `ack_wait` is in seconds; after
        `idle` seconds without anybody asking the server forgets the consumer.
        """
        settings = api.ConsumerConfig(
            durable_name=name,
            name=name,
            filter_subject=subject,
            deliver_policy=api.DeliverPolicy.ALL,
            ack_policy=api.AckPolicy.EXPLICIT,
            ack_wait=ack_wait,
            max_ack_pending=1,
            max_deliver=-1,
            inactive_threshold=idle,
        )
        with bus.translated(f"consumer {name}"):
            info = await connection.js.add_consumer(stream, config=settings)
        return cls(connection, name, stream, info.created)

    async def next(self, timeout: float) -> Delivery | None:
        """Return the next message, or None when there is none within `timeout` seconds.

        Raises `errors.BusUnavailable`, also when the consumer does not exist any more: open again.
        """
        with bus.translated("pull"):
            inbox, self._inbox = self._inbox or await self._subscribe(), None
            try:
                asked, answer = await self._ask(inbox, timeout)
            except BaseException:
                with contextlib.suppress(nats.errors.Error):
                    await inbox.unsubscribe()
                raise
            self._inbox = inbox
        if answer is None:
            return None
        return Delivery(answer, asked)

    async def _subscribe(self) -> Subscription:
        return await self._connection.client.subscribe(self._connection.client.new_inbox())

    async def _ask(self, inbox: Subscription, timeout: float) -> tuple[float, Msg | None]:
        """Ask once; return when that was, and the message or None."""
        request = json.dumps({"batch": 1, "expires": int(timeout * 1e9)}).encode()
        asked = time.monotonic()
        subject = f"{_NEXT}.{self._stream}.{self._name}"
        await self._connection.client.publish(subject, request, reply=inbox.subject)
        answer = await inbox.next_msg(timeout=timeout + _ANSWER_SECONDS)
        status = (answer.headers or {}).get(api.Header.STATUS)
        if status is None:
            return asked, answer
        if status in _NOTHING_CAME:
            return asked, None
        raise nats.js.errors.APIError.from_msg(answer)

    async def pending(self) -> int:
        """Return how many messages wait for this consumer."""
        return waiting(await self._info())

    async def is_new(self) -> bool:
        """Return whether nothing of this consumer was ever settled."""
        floor = (await self._info()).ack_floor
        return floor is None or floor.consumer_seq == 0

    async def has_settled(self, sequence: int) -> bool:
        """Return whether everything up to message `sequence`, or all there is, is settled."""
        info = await self._info()
        return _floor(info) >= sequence or waiting(info) == 0

    async def floor(self) -> int:
        """Return the sequence up to which everything is settled; 0: nothing ever was."""
        return _floor(await self._info())

    async def _info(self) -> api.ConsumerInfo:
        with bus.translated("consumer info"):
            info: api.ConsumerInfo = await self._connection.js.consumer_info(
                self._stream, self._name
            )
        return info

    async def close(self) -> None:
        """Stop asking; the consumer and its cursor stay."""
        inbox, self._inbox = self._inbox, None
        if inbox is not None:
            with bus.translated("unsubscribe"):
                await inbox.unsubscribe()

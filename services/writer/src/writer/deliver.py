"""Deliver one batch to one endpoint: tries, pauses between them, and the taking apart.

The one place where requests are repeated. `isolate` and `outcome` decide, this performs.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from tenantry_common import backoff, batches, errors, snappy_block
from writer import hold, isolate, outcome

_MAX_DECODED_BYTES = 64 << 20

type Post = Callable[[bytes], Awaitable[outcome.Posted]]
type Answered = outcome.Delivered | outcome.Split


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait between tries; seconds."""

    first: float
    limit: float
    after_limit: float
    """At most this much of what an endpoint's Retry-After asks for."""
    fault: float
    """Between tries at an endpoint that somebody must repair."""
    poison_tries: int
    """Equal answers 500 after which the batch is suspected."""

    def pauses(self) -> Iterator[float]:
        """Yield the pauses of one series of failures."""
        return backoff.delays(self.first, self.limit)

    def at_fault(self) -> float:
        """Return a pause before an endpoint that must be repaired is tried again."""
        return next(backoff.delays(self.fault, self.fault))


@dataclass(frozen=True, kw_only=True)
class Settled:
    """The endpoint has all of the batch that it will ever take."""

    refused: tuple[isolate.Refused, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is to be posted for a batch."""

    block: bytes | None
    """None: nothing, the endpoint has it already."""
    refused: tuple[isolate.Refused, ...] = ()
    """What could not be posted at all."""


class Loading(Protocol):
    """What a lane does with a batch around its delivery, where bytes are not just passed on."""

    async def load(self, delivery: batches.Delivery) -> Load:
        """Return what to post for `delivery`. Raises `errors.BusUnavailable`."""

    def settled(self) -> None:
        """Note that the endpoint has what was loaded last."""


class AsItIs:
    """The loading of endpoints that take batches byte for byte."""

    async def load(self, delivery: batches.Delivery) -> Load:
        """Return the batch's own bytes."""
        return Load(block=delivery.data)

    def settled(self) -> None:
        """Note nothing."""


class Courier:
    """Delivers batches to one endpoint, one after the other.

    `draining`, once set, ends pauses and allows no further request. `on_failure` hears of every try
    that did not succeed.
    """

    def __init__(
        self,
        post: Post,
        patience: Patience,
        draining: asyncio.Event,
        on_failure: Callable[[outcome.Failure], None],
    ) -> None:
        self._post = post
        self._patience = patience
        self._draining = draining
        self._on_failure = on_failure
        self.posting = False
        """Whether a request is under way, of which nobody knows what will become."""

    async def deliver(
        self, block: bytes, right: hold.Hold, *, redelivered: bool, in_part: bool = False
    ) -> Settled | None:
        """Return None only if `draining` was set; otherwise try indefinitely.

        Nothing may overtake a batch, so giving one up is not among the choices: it is stored, or
        each of its series is judged by itself, or it waits. While `right` lasts nobody else
        delivers it; the caller's scope cancels this when it ends. `in_part`: the endpoint may have
        the beginning of what each series holds.
        """
        self.posting = False
        repeats = outcome.Repeats(self._patience.poison_tries)
        answer, maybe_stored = await self._try(block, right, repeats, maybe_stored=redelivered)
        match answer:
            case None:
                return None
            case outcome.Delivered(left_out):
                return Settled(refused=_left_out(left_out))
        try:
            request = snappy_block.decompress(block, limit=_MAX_DECODED_BYTES)
            isolation = isolate.Isolation(
                request, answer, maybe_stored=maybe_stored, in_part=in_part
            )
        except errors.Undecodable as error:
            return Settled(refused=(_unreadable(block, error),))
        return await self._take_apart(isolation, right, repeats)

    async def _take_apart(
        self, isolation: isolate.Isolation, right: hold.Hold, repeats: outcome.Repeats
    ) -> Settled | None:
        left_out: tuple[isolate.Refused, ...] = ()
        while True:
            if isolation.stuck:
                await self._pause(self._patience.at_fault())
                isolation.resume()
            if (piece := isolation.piece) is None:
                return Settled(refused=left_out + tuple(isolation.refused))
            block = snappy_block.compress(piece.request)
            answer, maybe_stored = await self._try(
                block, right, repeats, maybe_stored=piece.maybe_stored
            )
            if answer is None:
                return None
            if isinstance(answer, outcome.Delivered):
                left_out += _left_out(answer.left_out)
            isolation.answered(answer, maybe_stored=maybe_stored)

    async def _try(
        self,
        block: bytes,
        right: hold.Hold,
        repeats: outcome.Repeats,
        *,
        maybe_stored: bool,
    ) -> tuple[Answered | None, bool]:
        """Post until the endpoint has decided; return that, and whether it may have it stored.

        None instead of a decision only if `draining` was set.
        """
        pauses = self._patience.pauses()
        while not self._draining.is_set():
            posted = await self._post_once(block, right)
            if isinstance(posted, outcome.NotYet):
                await self._pause(posted.after)
                continue
            result = repeats.judge(posted)
            if not isinstance(result, outcome.Delivered):
                self._on_failure(result)
            match result:
                case outcome.Delivered() | outcome.Split():
                    return result, maybe_stored
                case outcome.Retry():
                    maybe_stored = maybe_stored or result.maybe_stored
                    await self._pause(self._after(result, pauses))
                case outcome.ConfigFault() | outcome.CredentialsFault():
                    await self._pause(self._patience.at_fault())
        return None, maybe_stored

    async def _post_once(self, block: bytes, right: hold.Hold) -> outcome.Posted:
        """Post; neither begin nor believe the answer without the right to the message."""
        await right.check()
        self.posting = True
        result = await self._post(block)
        self.posting = False
        await right.check()
        return result

    def _after(self, result: outcome.Retry, pauses: Iterator[float]) -> float:
        pause = next(pauses)
        if result.after is None:
            return pause
        return max(pause, min(result.after, self._patience.after_limit))

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._draining.wait()


def _left_out(found: tuple[outcome.LeftOut, ...]) -> tuple[isolate.Refused, ...]:
    return tuple(
        isolate.Refused(request=one.request, reason=one.reason, cause=one.cause, verdict="rejected")
        for one in found
    )


def _unreadable(block: bytes, error: errors.Undecodable) -> isolate.Refused:
    """Return the verdict on a batch that is broken: it would never pass, at no endpoint."""
    return isolate.Refused(
        request=block,
        reason=f"unreadable batch: {error}",
        cause="invalid",
        verdict="rejected",
        unreadable=True,
    )

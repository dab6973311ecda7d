"""Leases with a time to live: one holder per key, membership, and leadership.

A lease is a key of KV `leases` that its holder renews by compare-and-set; the server removes it
when it is not renewed. The holder trusts its lease only until a local deadline that lies before
the server's, so it stops before somebody else can start. Work that must be exact does not rest on
this alone: see `batches.publish`, which the stream itself refuses to a holder that was overtaken.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tenantry_common import bus, contracts, errors, kv, streams, subjects

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Term:
    """How long a lease lasts, and how often it is renewed; in seconds."""

    ttl: int
    """After which the server removes a lease that is not renewed."""
    renew: float

    @property
    def trust(self) -> float:
        """For how long after a renewal the holder acts on it."""
        return self.ttl - self.renew


RENEW_SECONDS = 5.0
USUAL = Term(streams.LEASE_SECONDS, RENEW_SECONDS)
LEADER = Term(10, 2.5)
"""Of those who lead a service: a standby is to take over within 15 s of a crash."""


class Lease:
    """One key that this instance tries to hold."""

    def __init__(
        self,
        connection: bus.Bus,
        key: str,
        instance: str,
        *,
        term: Term = USUAL,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._key = key
        self.term = term
        self._bus = connection
        self._instance = instance
        self._now = now
        self._revision = 0
        self._epoch = 0
        self._trusted_until = float("-inf")

    @property
    def held(self) -> bool:
        """Whether this instance may still act as the holder."""
        return self._now() < self._trusted_until

    async def renew(self) -> bool:
        """Take the lease if it is free, keep it if it is ours; return whether we hold it.

        When NATS is away, what is held stays held until its local deadline.
        """
        asked = self._now()
        try:
            if not self.held:
                await self._look()
            value = contracts.encode(
                contracts.LeaseHolder(instance=self._instance, epoch=self._epoch)
            )
            self._revision = await kv.compare_and_set(
                self._bus,
                subjects.LEASES,
                self._key,
                value,
                revision=self._revision,
                ttl=self.term.ttl,
            )
        except errors.Fenced:
            self._trusted_until = float("-inf")
        except errors.BusUnavailable as error:
            _log.debug("lease not renewed", extra={"lease": self._key, "error": str(error)})
        else:
            self._trusted_until = asked + self.term.trust
        return self.held

    async def _look(self) -> None:
        """Read who holds the key; raise `errors.Fenced` when it is somebody else."""
        entry = await kv.entry(self._bus, subjects.LEASES, self._key)
        if entry.value is None:
            self._epoch += 1
        else:
            holder = contracts.decode_lease(entry.value)
            if holder.instance != self._instance:
                raise errors.Fenced(f"lease {self._key} is held by {holder.instance}")
            self._epoch = holder.epoch
        self._revision = entry.revision

    async def release(self) -> None:
        """Give the lease up at once, so that nobody has to wait for it to expire."""
        if not self.held:
            return
        self._trusted_until = float("-inf")
        if not self._bus.connected:
            return  # it expires by itself; a stop must not wait for a NATS that is away
        with contextlib.suppress(errors.BusUnavailable):
            await kv.delete(self._bus, subjects.LEASES, self._key)


async def keep(lease: Lease, on_change: Callable[[bool], None] = lambda held: None) -> None:
    """Renew `lease` for ever, telling `on_change` whenever it is won or lost; release at the end."""
    held = False
    try:
        while True:
            now_held = await lease.renew()
            if now_held != held:
                held = now_held
                on_change(held)
            await asyncio.sleep(lease.term.renew)
    finally:
        await lease.release()


def members(leases: Mapping[str, contracts.LeaseHolder], service: str) -> tuple[str, ...]:
    """Return the live instances of `service`, given the snapshot of KV `leases`; pure."""
    prefix = subjects.member_prefix(service)
    return tuple(
        sorted(holder.instance for key, holder in leases.items() if key.startswith(prefix))
    )

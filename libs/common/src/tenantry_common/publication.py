"""Keep a KV bucket equal to what the leading instance of a service wants it to hold.

Level-triggered: whenever the wish, the bucket or the leadership changes, the two are compared and
the difference is written. So a restart writes nothing new, what lost its source while nobody ran
is deleted, and what a leader wrote that did not yet know it was deposed is put right at once.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal

from tenantry_common import backoff, bus, errors, kv, leases, logs, tasks

_log = logging.getLogger(__name__)

_AT_ONCE = 64
_ECHO_SECONDS = 5.0  # how long the mirror may take to show what was written


class Publication:
    """What one bucket is to hold, and the loop that makes it so."""

    def __init__(
        self,
        connection: bus.Bus,
        bucket: str,
        lease: leases.Lease,
        *,
        on_write: Callable[[Literal["put", "delete"]], None] = lambda what: None,
    ) -> None:
        self.view: kv.KvView[bytes] = kv.KvView(connection, bucket, bytes)
        """The bucket as it stands, published by whichever instance."""
        self._bus = connection
        self._bucket = bucket
        self._lease = lease
        self._on_write = on_write
        self._desired: Mapping[str, bytes] | None = None
        self._only_add = False
        self._wake = asyncio.Event()
        self._delays = backoff.delays(0.2, 5.0)
        self._throttle = logs.Throttle(30)

    def offer(self, desired: Mapping[str, bytes], *, only_add: bool = False) -> None:
        """Wish that the bucket holds exactly `desired`; replaces the wish before.

        `only_add` withholds deletions, for a wish that is known to be incomplete. Until the first
        call nothing is written.
        """
        self._desired = dict(desired)
        self._only_add = only_add
        self.wake()

    def wake(self) -> None:
        """Compare again; to be called when the leadership was won."""
        self._wake.set()

    async def run(self) -> None:
        """Publish while leading, for ever."""
        async with asyncio.TaskGroup() as group:
            tasks.spawn(group, f"mirror {self._bucket}", self.view.run())
            tasks.spawn(group, f"follow {self._bucket}", self._follow())
            tasks.spawn(
                group,
                f"publish {self._bucket}",
                tasks.forever(f"publish {self._bucket}", self._step),
            )

    async def _follow(self) -> None:
        version = 0
        while True:
            version = await self.view.newer(version)
            self.wake()

    async def _step(self) -> None:
        await self._wake.wait()
        self._wake.clear()
        try:
            await self._reconcile()
        except errors.BusUnavailable as error:
            if self._throttle.allow("unavailable"):
                _log.warning(
                    "not published, trying again",
                    extra={"bucket": self._bucket, "error": str(error)},
                )
            await asyncio.sleep(next(self._delays))
            self.wake()
        else:
            self._delays = backoff.delays(0.2, 5.0)

    async def _reconcile(self) -> None:
        desired = self._desired
        if desired is None or self.view.version == 0:
            return
        puts, gone = kv.changes(self.view.raw, desired)
        deletes = frozenset() if self._only_add else gone
        # What is withdrawn goes first: it guards data, what is granted can wait.
        await self._write_all([(key, None) for key in deletes])
        await self._write_all(list(puts.items()))
        if self._lease.held and (puts or deletes):
            await self._echo(puts, deletes)

    async def _write_all(self, entries: Sequence[tuple[str, bytes | None]]) -> None:
        """Put, or delete where there is no value; several at once, for a round trip each is slow."""
        for begin in range(0, len(entries), _AT_ONCE):
            try:
                async with asyncio.TaskGroup() as group:
                    for key, value in entries[begin : begin + _AT_ONCE]:
                        tasks.spawn(group, f"write {self._bucket}", self._write(key, value))
            except ExceptionGroup as failed:
                away, other = failed.split(errors.BusUnavailable)
                if other is not None or away is None:
                    raise
                raise errors.BusUnavailable(str(away.exceptions[0])) from failed

    async def _write(self, key: str, value: bytes | None) -> None:
        if not self._lease.held:
            return
        if value is None:
            await kv.delete(self._bus, self._bucket, key)
            self._written("delete", key)
        else:
            await kv.put(self._bus, self._bucket, key, value)
            self._written("put", key)

    def _written(self, what: Literal["put", "delete"], key: str) -> None:
        self._on_write(what)
        _log.info("published", extra={"bucket": self._bucket, "key": key, "what": what})

    async def _echo(self, puts: Mapping[str, bytes], deletes: frozenset[str]) -> None:
        """Wait until the mirror shows what was written; else it would be written twice."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ECHO_SECONDS):
                while any(self.view.raw.get(key) != value for key, value in puts.items()) or any(
                    key in self.view.raw for key in deletes
                ):
                    await self.view.newer(self.view.version)


async def lead(
    lease: leases.Lease,
    publications: Collection[Publication],
    on_change: Callable[[bool], None] = lambda held: None,
) -> None:
    """Try to hold `lease` for ever, and let the publications act on it whenever it is won."""

    def changed(held: bool) -> None:
        _log.info("leading" if held else "standing by")
        on_change(held)
        for publication in publications:
            publication.wake()

    await leases.keep(lease, changed)

"""KV buckets: a live mirror to read from, compare-and-set to write with.

A `KvView` is level-triggered: readers take `snapshot`, act on it, and wait for a newer `version`.
Every (re)start of the watch reads the whole bucket again, so nothing that happened while the
connection was away is missed, deletions included.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import nats.js.errors

from tenantry_common import bus, errors, kv_watch, subjects, tasks
from tenantry_common.kv_watch import Change

_log = logging.getLogger(__name__)

_LINGER_SECONDS = 0.005
_RESYNC_SECONDS = 60.0
_INITIAL_SECONDS = 10.0  # between two of the keys that a bucket holds at first
_OVERDUE_SECONDS = 10.0  # what a re-read may take before it counts as missing
_EXPECTED_LAST = "Nats-Expected-Last-Subject-Sequence"


@dataclass(frozen=True)
class Entry:
    """The newest state of a key: `value` is None when it was deleted or has expired."""

    revision: int
    value: bytes | None


class KvView[T]:
    """An immutable snapshot of one bucket, replaced whenever the bucket changes.

    A value that cannot be decoded is left out of `snapshot` (so whatever it granted is gone) and
    is named in `refused`.
    """

    def __init__(
        self,
        connection: bus.Bus,
        bucket: str,
        decode: Callable[[bytes], T],
        *,
        linger_seconds: float = _LINGER_SECONDS,
    ) -> None:
        """Prepare; nothing is read before `run`.

        `linger_seconds`: for how long changes are gathered before the snapshot is replaced, which
        costs a look at the whole bucket. Longer for large buckets that never rest.
        """
        self._linger = linger_seconds
        self._bus = connection
        self._bucket = bucket
        self._decode = decode
        self._raw: dict[str, bytes] = {}
        self._changed = asyncio.Condition()
        self.snapshot: Mapping[str, T] = MappingProxyType({})
        self.refused: Mapping[str, str] = MappingProxyType({})
        self.version = 0
        """0 until the bucket has been read once; grows with every change."""
        self._read_at = float("-inf")

    @property
    def raw(self) -> Mapping[str, bytes]:
        """The encoded values, for comparing before writing."""
        return MappingProxyType(self._raw)

    async def newer(self, version: int) -> int:
        """Wait until the view is newer than `version`; return the version it then has."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.version > version)
            return self.version

    def seconds_unconfirmed(self) -> float:
        """Return for how long nothing has vouched for the snapshot; 0 while all is well.

        Nothing vouches for it without a connection, nor when the periodic re-read is overdue, as
        where NATS answers and JetStream does not. Infinite until the bucket has been read once.
        """
        overdue = time.monotonic() - self._read_at - _RESYNC_SECONDS - _OVERDUE_SECONDS
        return max(self._bus.seconds_without_contact(), overdue, 0.0)

    async def run(self) -> None:
        """Keep the snapshot in step with the bucket, for ever."""
        await tasks.forever(f"watch {self._bucket}", self._watch)

    async def _watch(self) -> None:
        """Read the bucket whole, then follow it until a reconnect or the periodic re-read."""
        until = asyncio.get_running_loop().time() + _RESYNC_SECONDS
        with bus.translated(f"watch {self._bucket}"):
            async with kv_watch.opened(self._bus, self._bucket) as watch:
                await self._replace(await _held(watch))
                self._read_at = time.monotonic()
                while (change := await watch.next(until)) is not None:
                    await self._follow(watch, change)

    async def _follow(self, watch: kv_watch.Watch, change: Change | None) -> None:
        """Take a change over, and those that follow closely: each costs a whole snapshot."""
        changed = dict(self._raw)
        until = asyncio.get_running_loop().time() + self._linger
        while change is not None:
            _apply(changed, change)
            change = await watch.next(until)
        await self._replace(changed)

    async def _replace(self, raw: dict[str, bytes]) -> None:
        if raw == self._raw and self.version > 0:
            return
        snapshot: dict[str, T] = {}
        refused: dict[str, str] = {}
        for key, value in raw.items():
            if key in self.snapshot and self._raw.get(key) == value:
                snapshot[key] = self.snapshot[key]
                continue
            try:
                snapshot[key] = self._decode(value)
            except (errors.Undecodable, errors.NewerSchema) as error:
                refused[key] = str(error)
                _log.error(
                    "entry refused",
                    extra={"bucket": self._bucket, "key": key, "error": str(error)},
                )
        async with self._changed:
            self._raw = raw
            self.snapshot = MappingProxyType(snapshot)
            self.refused = MappingProxyType(refused)
            self.version += 1
            self._changed.notify_all()


async def initial(
    following: Callable[[], Awaitable[Change]], expected: int, stored: Callable[[], Awaitable[int]]
) -> dict[str, bytes]:
    """Return what a bucket held when a watch of it began, by key.

    `following` returns the next change of the watch, `stored` how many keys the bucket has, deleted
    ones included. `expected` is how many the server says it sends. None may be wrong: then the last
    one that comes says that it is the last.
    """
    found: dict[str, bytes] = {}
    if not expected and not await stored():
        return found
    while True:
        change = await following()
        _apply(found, change)
        if not change.left:
            return found


def _apply(found: dict[str, bytes], change: Change) -> None:
    if change.value is None:
        found.pop(change.key, None)
    else:
        found[change.key] = change.value


async def _held(watch: kv_watch.Watch) -> dict[str, bytes]:
    """Return what a bucket holds at the beginning of a watch."""

    async def following() -> Change:
        change = await watch.next(asyncio.get_running_loop().time() + _INITIAL_SECONDS)
        if change is None:
            raise errors.BusUnavailable("the bucket was not read to its end")
        return change

    return await initial(following, watch.expected, watch.stored)


async def contents(connection: bus.Bus, bucket: str) -> dict[str, bytes]:
    """Return the keys and values of a bucket now. Raises `errors.BusUnavailable`."""
    with bus.translated(f"read {bucket}"):
        async with kv_watch.opened(connection, bucket) as watch:
            return await _held(watch)


def changes(
    published: Mapping[str, bytes], desired: Mapping[str, bytes]
) -> tuple[dict[str, bytes], frozenset[str]]:
    """Return what must be put and what must be deleted to make `published` `desired`; pure."""
    puts = {key: value for key, value in desired.items() if published.get(key) != value}
    return puts, frozenset(published) - frozenset(desired)


async def put(connection: bus.Bus, bucket: str, key: str, value: bytes) -> None:
    """Write `value`, whatever stands there. Raises `errors.BusUnavailable`."""
    with bus.translated(f"put {bucket}/{key}"):
        await connection.js.publish(subjects.bucket_subject(bucket, key), value)


async def delete(connection: bus.Bus, bucket: str, key: str) -> None:
    """Delete `key`. Raises `errors.BusUnavailable`."""
    with bus.translated(f"delete {bucket}/{key}"):
        await connection.js.publish(
            subjects.bucket_subject(bucket, key), b"", headers={"KV-Operation": "DEL"}
        )


async def entry(connection: bus.Bus, bucket: str, key: str) -> Entry:
    """Return the newest state of `key`, read from the bucket's leader."""
    with bus.translated(f"get {bucket}/{key}"):
        try:
            message = await connection.js.get_last_msg(
                subjects.bucket_stream(bucket), subjects.bucket_subject(bucket, key)
            )
        except nats.js.errors.NotFoundError:
            return Entry(0, None)
    gone = any(name in (message.headers or {}) for name in ("KV-Operation", "Nats-Marker-Reason"))
    return Entry(message.seq or 0, None if gone else message.data or b"")


async def compare_and_set(
    connection: bus.Bus,
    bucket: str,
    key: str,
    value: bytes,
    *,
    revision: int,
    ttl: int | None = None,
) -> int:
    """Write `value`, for `ttl` seconds if given, if the key still has `revision`; return the new.

    Raises `errors.Fenced` when somebody else wrote meanwhile, `errors.BusUnavailable` when the
    outcome is not known.
    """
    headers = {_EXPECTED_LAST: str(revision)}
    with bus.translated(f"set {bucket}/{key}"):
        ack = await connection.js.publish(
            subjects.bucket_subject(bucket, key),
            value,
            headers=headers,
            msg_ttl=None if ttl is None else float(ttl),
        )
    return ack.seq

"""What checking a credential said, remembered for a short while.

Credentials are kept as digests under a key of this process, so that neither a dump nor the timing
of a look-up tells anything about one.
"""

import asyncio
import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable


class Memory[V]:
    """A bounded memory of values that expire; the oldest makes room."""

    def __init__(self, size: int = 10_000, *, now: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._now = now
        self._secret = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, tuple[float, V]] = OrderedDict()
        self._under_way: dict[bytes, asyncio.Future[V]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def get(self, credential: str) -> V | None:
        """Return what is remembered of `credential`."""
        return self._get(self._digest(credential))

    def put(self, credential: str, value: V, seconds: float) -> None:
        """Remember `value` for so long."""
        self._put(self._digest(credential), value, seconds)

    def clear(self) -> None:
        """Forget everything, because what was decided before may not hold any more."""
        self._known.clear()
        self._under_way.clear()

    async def find(self, credential: str, check: Callable[[], Awaitable[tuple[V, float]]]) -> V:
        """Return what is remembered, else what `check` returns, and remember that for its seconds.

        Requests that present the same at the same time wait for one check. Raises what it raises.
        """
        digest = self._digest(credential)
        while True:
            if (known := self._get(digest)) is not None:
                return known
            if (running := self._under_way.get(digest)) is None:
                return await self._check(digest, check)
            await asyncio.wait([running])
            # Cancelled: the request that checked has gone away, and another one takes its place.
            if not running.cancelled():
                return running.result()

    async def _check(self, digest: bytes, check: Callable[[], Awaitable[tuple[V, float]]]) -> V:
        promise: asyncio.Future[V] = asyncio.get_running_loop().create_future()
        self._under_way[digest] = promise
        try:
            value, seconds = await check()
        except Exception as error:
            promise.set_exception(error)
            promise.exception()  # seen, also where nobody else waits
            raise
        else:
            if self._under_way.get(digest) is promise:  # nothing was cleared meanwhile
                self._put(digest, value, seconds)
            promise.set_result(value)
            return value
        finally:
            promise.cancel()  # no effect once it has a result
            if self._under_way.get(digest) is promise:
                del self._under_way[digest]

    def _digest(self, credential: str) -> bytes:
        text = credential.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, digest_size=32, key=self._secret).digest()

    def _get(self, digest: bytes) -> V | None:
        found = self._known.get(digest)
        if found is None:
            return None
        until, value = found
        if until <= self._now():
            del self._known[digest]
            return None
        return value

    def _put(self, digest: bytes, value: V, seconds: float) -> None:
        self._known.pop(digest, None)
        self._known[digest] = (self._now() + seconds, value)
        while len(self._known) > self._size:
            self._known.popitem(last=False)

"""Questions that tell whether a child process can do its work yet."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp

type Probe = Callable[[], Awaitable[bool]]

_ANSWER_WITHIN = aiohttp.ClientTimeout(total=2)


async def immediately() -> bool:
    """Count a process as ready as soon as it runs."""
    return True


def http_ok(url: str) -> Probe:
    """Ask whether `url` answers 200."""

    async def probe() -> bool:
        try:
            async with (
                aiohttp.ClientSession(timeout=_ANSWER_WITHIN) as session,
                session.get(url) as response,
            ):
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    return probe


def tcp_open(host: str, port: int) -> Probe:
    """Ask whether something accepts connections at `host:port`."""

    async def probe() -> bool:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            return False
        writer.close()
        return True

    return probe

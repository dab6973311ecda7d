"""The proof of exact delivery: the tenant's replicas hold the source's samples, each once.

What is permitted is said here by hand, as a person reads the example manifest, so that the proof
does not rest on the rules' compiler.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence

import aiohttp

from tenantry_cli.demo import readback
from tenantry_cli.demo.line import Line

_PART = "delivery"
_POLL_SECONDS = 0.5


async def newest(session: aiohttp.ClientSession, url: str, since_ms: int) -> int:
    """Return the time of the newest sample at `url`, 0 when it holds none after `since_ms`."""
    held = await readback.samples(session, url, since_ms, int(time.time() * 1000))
    return max((sample.timestamp_ms for sample in held), default=0)


async def wait_until_stored(
    session: aiohttp.ClientSession, urls: Sequence[str], at_ms: int, seconds: float
) -> bool:
    """Wait until every server holds a sample at or after `at_ms`; return whether they do in time."""
    try:
        async with asyncio.timeout(seconds):
            for url in urls:
                # Only asking tells: a Prometheus announces nothing.
                while await newest(session, url, at_ms - 1) < at_ms:  # noqa: ASYNC110
                    await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        return False
    return True


async def prove(
    session: aiohttp.ClientSession,
    sources: Sequence[str],
    endpoints: Sequence[str],
    *,
    start_ms: int,
    end_ms: int,
    permitted: readback.Permitted,
    replica_label: str,
    extra: Mapping[str, str],
    when: str,
) -> list[Line]:
    """Compare every endpoint with the source for start < t <= end; one line an endpoint.

    The collector reads one replica of the HA pair and stays with it; which one is its choice, so
    an endpoint must equal one of them.
    """
    wanted = [
        readback.expected(
            await readback.samples(session, url, start_ms, end_ms),
            permitted,
            frozenset({replica_label}),
            extra,
        )
        for url in sources
    ]
    lines = []
    for url in endpoints:
        held = await readback.samples(session, url, start_ms, end_ms)
        best = min(
            (readback.compare(want, held) for want in wanted), key=lambda c: c.lost + c.extra
        )
        lines.append(
            Line(
                _PART,
                f"{url} holds the source's permitted samples\n[dim]{when}[/dim]",
                f"{best.compared:,} samples: lost {best.lost}, extra {best.extra}, "
                f"different {best.different}, doubled {best.doubled}",
                best.exact,
            )
        )
    return lines

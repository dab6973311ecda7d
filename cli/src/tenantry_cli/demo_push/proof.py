"""The proof: kill a receiver while an isolated cluster pushes, and compare what arrived with its source.

What must arrive is said here by hand, as a person reads the edge's file, so that the proof does not
rest on the code that it proves; samples are read back with the protobuf library.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence

import aiohttp

from tenantry_cli.demo import delivery, readback
from tenantry_cli.demo.line import Line
from tenantry_cli.demo.readback import Labels, Sample
from tenantry_cli.demo_push.balancer import Balancer
from tenantry_cli.demo_push.estate import CLUSTER, JOBS, LABELS, SALT, Estate
from tenantry_cli.running import Say
from tenantry_common.label_steps import digested
from tenantry_local.supervisor import Supervisor

_TIMEOUT = aiohttp.ClientTimeout(total=30)
_FLOW_MS = 12_000
_LASTING_MS = 15_000
_ARRIVES_WITHIN = 90


async def run(estate: Estate, supervisor: Supervisor, balancer: Balancer, say: Say) -> list[Line]:
    """Return the lines of the proof, failed ones included."""
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        say("waiting until the first push has arrived")
        await _stored(session, estate, 0)
        say("letting the isolated cluster push through both receivers")
        await _stored(session, estate, _now_ms() + _FLOW_MS)
        say("killing receiver-0 with SIGKILL")
        await supervisor.kill("receiver-0")
        before = dict(balancer.connections)
        survived = await _stored(session, estate, _now_ms() + _FLOW_MS)
        taken = balancer.connections[estate.ports.receiver_1] - before[estate.ports.receiver_1]
        say("bringing receiver-0 back")
        await supervisor.restart("receiver-0")
        end_ms = _now_ms()
        # Windows arrive in order: once a later one has arrived, those before are complete.
        await _stored(session, estate, end_ms + _FLOW_MS)
        say("comparing every sample with the isolated cluster's Prometheus")
        held = await readback.samples(session, estate.archive_url, 0, end_ms)
        first = min((sample.timestamp_ms for sample in held), default=end_ms)
        source = await readback.samples(session, estate.source_url, first - 1, end_ms)
        wanted = expected(source)
        return [
            Line(
                "push",
                "pushes go on while receiver-0 is dead",
                f"{'yes' if survived else 'no'}, {taken} connections to receiver-1",
                survived,
            ),
            _archive(estate, wanted, held),
            await _centre(session, estate, wanted, first - 1, end_ms),
            await _receivers(session, estate),
        ]


def expected(source: Iterable[Sample]) -> list[Sample]:
    """Return what must arrive of the samples of the isolated cluster; pure."""
    arriving: list[Sample] = []
    for sample in source:
        labels = dict(sample.labels)
        if labels["job"] not in JOBS:
            continue
        if labels["__name__"] == "queue_depth":
            labels["__name__"] = "queue_length"
        for name in ("instance", "pod"):
            if name in labels:
                labels[name] = digested(labels[name], SALT.encode())
        labels |= {"site": "north", "_id": CLUSTER, **LABELS}
        arriving.append(sample._replace(labels=frozenset(labels.items())))
    return arriving


def lasting(samples: Iterable[Sample]) -> set[Labels]:
    """Return the series that are there for longer than a push takes; pure."""
    times: dict[Labels, list[int]] = {}
    for sample in samples:
        times.setdefault(sample.labels, []).append(sample.timestamp_ms)
    return {labels for labels, seen in times.items() if max(seen) - min(seen) >= _LASTING_MS}


def _archive(estate: Estate, wanted: Sequence[Sample], held: Sequence[Sample]) -> Line:
    found = readback.compare(wanted, held)
    return Line(
        "archive",
        f"{estate.archive_url} holds every sample of the isolated cluster, once\n"
        "[dim]edge → receivers → stream → writer[/dim]",
        f"{found.compared:,} samples: lost {found.lost}, extra {found.extra}, "
        f"different {found.different}, doubled {found.doubled}",
        found.exact,
    )


async def _centre(
    session: aiohttp.ClientSession,
    estate: Estate,
    wanted: Sequence[Sample],
    start_ms: int,
    end_ms: int,
) -> Line:
    """Compare series with what the centre scraped from both receivers' `/federate`.

    A scrape sees the newest sample of each series, so not every sample is there, and no series that
    came and went between two pushes; but every other series is, once, and no sample that the source
    does not have.
    """
    scraped = await readback.samples(session, estate.centre_url, start_ms, end_ms)
    held = [sample for sample in scraped if dict(sample.labels).get("job") in JOBS]
    missing = lasting(wanted) - _series(held)
    foreign = _series(held) - _series(wanted)
    found = readback.compare(wanted, held)
    return Line(
        "/federate",
        f"{estate.centre_url}, which scrapes both receivers, has every series once\n"
        "[dim]edge → receivers → /federate; of those that last for 15 s[/dim]",
        f"{len(_series(held)):,} series: missing {len(missing)}, extra {len(foreign)}; "
        f"{len(held):,} samples, of which foreign {found.extra}, different {found.different}",
        bool(held) and not (missing or foreign or found.extra or found.different or found.doubled),
    )


async def _receivers(session: aiohttp.ClientSession, estate: Estate) -> Line:
    """Ask both receivers at once, until they show the same or it takes too long."""
    pages: list[set[str]] = []
    for _ in range(20):
        pages = [await _page(session, estate, url) for url in estate.federate_urls]
        if pages[0] and pages[0] == pages[1]:
            break
        await asyncio.sleep(0.5)
    same = bool(pages[0]) and pages[0] == pages[1]
    return Line(
        "/federate",
        "each receiver alone shows all of it, also the one that was killed",
        f"{len(pages[0])} and {len(pages[1])} lines, {'equal' if same else 'different'}",
        same,
    )


async def _page(session: aiohttp.ClientSession, estate: Estate, url: str) -> set[str]:
    headers = {"Authorization": f"Bearer {estate.scraper}"}
    async with session.get(
        url, params={"match[]": '{__name__=~".+"}'}, headers=headers
    ) as response:
        response.raise_for_status()
        text = await response.text()
    return {line for line in text.splitlines() if line and not line.startswith("#")}


async def _stored(session: aiohttp.ClientSession, estate: Estate, at_ms: int) -> bool:
    """Wait until the archive holds a sample at or after `at_ms`; return whether it does in time."""
    return await delivery.wait_until_stored(
        session, [estate.archive_url], at_ms or 1, _ARRIVES_WITHIN
    )


def _series(samples: Iterable[Sample]) -> set[Labels]:
    return {sample.labels for sample in samples}


def _now_ms() -> int:
    return int(time.time() * 1000)

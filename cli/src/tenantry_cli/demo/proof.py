"""The proof: drive the running estate through its paces and collect what was seen."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from tenantry_cli.demo import delivery, queries
from tenantry_cli.demo.line import Line
from tenantry_cli.estate import DELIVERED_TENANT, REPLICA_LABEL, Estate
from tenantry_cli.running import Say
from tenantry_common import batches, bus, config, subjects
from tenantry_local.supervisor import Supervisor

_EFFECT_SECONDS = 5.0
_HISTORY_SECONDS = 10
_INTERVAL_MS = 5_000
_TIMEOUT = aiohttp.ClientTimeout(total=30)
EXTRA_LABELS = {"tenant": "team-web", "managed_by": "tenantry"}


def permitted(labels: Mapping[str, str]) -> bool:
    """Return whether `examples/metricaccess/team-web.yaml` delivers a series; said by hand."""
    name = labels["__name__"]
    if labels.get("namespace") == "team-web":
        return name.startswith("http_request") or name.startswith("queue_")
    return name == "up" and labels.get("job") == "web"


async def run(estate: Estate, supervisor: Supervisor, say: Say) -> list[Line]:
    """Return the lines of the proof, failed ones included."""
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        say("waiting until samples have reached the tenant's replicas")
        started = await first_window(estate)
        await delivery.wait_until_stored(
            session, estate.tenant_urls, started + _HISTORY_SECONDS * 1000, 40
        )
        say("asking the same questions through the gateway and directly")
        lines = await queries.prove(
            session, estate.gateway_url, estate.infra_urls, round(time.time()) - 2
        )
        say("killing writer-0 with SIGKILL")
        await supervisor.kill("writer-0")
        killed_ms = int(time.time() * 1000)
        say("editing a manifest")
        lines += await _edit(session, estate)
        say("letting samples flow with one writer, then bringing the other back")
        await delivery.wait_until_stored(
            session, estate.tenant_urls, killed_ms + 2 * _INTERVAL_MS, 60
        )
        await supervisor.restart("writer-0")
        end_ms = int(time.time() * 1000)
        # Windows arrive in order: once a later one has begun to arrive, those before are complete.
        arrived = await delivery.wait_until_stored(
            session, estate.tenant_urls, end_ms + 2 * _INTERVAL_MS, 60
        )
        lines.append(
            Line("delivery", "samples go on arriving after the kill", _yes(arrived), arrived)
        )
        say("comparing every sample at the tenant's replicas with the source")
        lines += await delivery.prove(
            session,
            estate.infra_urls,
            estate.tenant_urls,
            start_ms=started,
            end_ms=end_ms,
            permitted=permitted,
            replica_label=REPLICA_LABEL,
            extra=EXTRA_LABELS,
            when="one writer was killed with SIGKILL meanwhile",
        )
    return lines


def _yes(seen: bool) -> str:
    return "yes" if seen else "no"


async def first_window(estate: Estate) -> int:
    """Return the start of the first window that was published for the delivered tenant."""
    pattern = subjects.samples_of_tenant(DELIVERED_TENANT)
    async with (
        asyncio.timeout(40),
        bus.connect(config.Nats(servers=(estate.nats_url,)), "demo") as connection,
    ):
        while True:
            first = await batches.following(connection, subjects.SAMPLES, pattern, 0)
            if first is not None:
                return int(first.headers[subjects.HEADER_WINDOW].split("-")[0])
            await asyncio.sleep(0.5)


async def _edit(session: aiohttp.ClientSession, estate: Estate) -> list[Line]:
    """Grant one more metric to a tenant and take it away again; both must work within seconds."""
    manifest = estate.manifests / "team-batch.yaml"
    before = manifest.read_text()
    query = "http_requests_total"
    granted = before.replace("  metrics:\n", f'  metrics:\n    - "{query}"\n', 1)
    lines = []
    for text, series, claim in ((granted, 1, "a metric granted"), (before, 0, "and withdrawn")):
        seconds = await _effect(session, estate, manifest, text, query, series > 0)
        lines.append(
            Line(
                "edit",
                f"{claim} by editing {manifest.name}",
                f"after {seconds:.1f} s" if seconds < _EFFECT_SECONDS else "not within 5 s",
                seconds < _EFFECT_SECONDS,
            )
        )
    return lines


async def _effect(
    session: aiohttp.ClientSession,
    estate: Estate,
    manifest: Path,
    text: str,
    query: str,
    visible: bool,
) -> float:
    """Write `text` and return after how many seconds the tenant sees `query`, or sees it no more."""
    start = time.monotonic()
    manifest.write_text(text)
    while (passed := time.monotonic() - start) < _EFFECT_SECONDS:
        seen = await queries.count(session, estate.gateway_url, "team-batch", query) > 0
        if seen == visible:
            break
        await asyncio.sleep(0.1)
    return passed

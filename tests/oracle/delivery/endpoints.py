"""The endpoints of a run: how each is read back, and what it promises to keep.

| endpoint | kind | what must be equal |
|---|---|---|
| endpoint-strict | Prometheus without an out-of-order window | every sample, bit for bit |
| endpoint-lenient | Prometheus with one | every sample, bit for bit |
| endpoint-external | VictoriaMetrics | every timestamp; values as far as it keeps them |
| endpoint-push | Pushgateway | the latest value of every series |
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import aiohttp
from tests.oracle.delivery import held, latest, verdict
from tests.oracle.delivery.held import Series
from tests.oracle.delivery.jobs import PUSH_JOB, Job, Target
from tests.oracle.delivery.verdict import Verdict

from tenantry_local.prometheus import Prometheus
from tenantry_local.pushgateway import Pushgateway
from tenantry_local.server import Server
from tenantry_local.victoria_metrics import VictoriaMetrics

VICTORIA_FLAGS = (
    "-dedup.minScrapeInterval=1ms",  # without it a batch that is sent twice is stored twice
    "-maxLabelValueLen=65536",
)
_VICTORIA_KEEPS = 1e-11  # of a block's largest value: twelve decimal digits
_LATEST_STATES = 3
_LATEST_SECONDS = 90.0
_LATEST_PAUSE = 0.5
_LATEST_LOOKS = 5

type Wanted = Callable[[Job, tuple[int, int]], Awaitable[list[Series]]]
"""Asks the sources what an endpoint of a job must hold of a span, by each replica."""


class Endpoint(Protocol):
    """One receiver of the run."""

    target: Target

    @property
    def server(self) -> Server: ...

    async def newest(self, session: aiohttp.ClientSession, job: Job, since_ms: int) -> int:
        """Return a time after `since_ms` up to which it got what it holds of `job`, else 0."""

    async def judge(
        self, session: aiohttp.ClientSession, job: Job, wanted: Wanted, span: tuple[int, int]
    ) -> Verdict:
        """Compare what it holds of `job`."""


@dataclass
class PrometheusEndpoint:
    """Keeps everything as it is."""

    server: Prometheus
    target: Target = "prometheus"

    async def newest(self, session: aiohttp.ClientSession, job: Job, since_ms: int) -> int:
        """Return the time of the newest sample."""
        return _newest(await self._held(session, job, (since_ms, _now_ms())))

    async def judge(
        self, session: aiohttp.ClientSession, job: Job, wanted: Wanted, span: tuple[int, int]
    ) -> Verdict:
        """Compare every sample of `span`."""
        found = await self._held(session, job, span)
        return verdict.judge(await wanted(job, span), found, job.interval_ms)

    async def _held(
        self, session: aiohttp.ClientSession, job: Job, span: tuple[int, int]
    ) -> Series:
        return await held.in_prometheus(session, self.server.url, {"via": job.name}, span)


@dataclass
class VictoriaEndpoint:
    """Keeps twelve digits, and no NaN but stale markers."""

    server: VictoriaMetrics
    target: Target = "remote_write"

    async def newest(self, session: aiohttp.ClientSession, job: Job, since_ms: int) -> int:
        """Return the time of the newest sample."""
        return _newest(await self._held(session, job, (since_ms, _now_ms())))

    async def judge(
        self, session: aiohttp.ClientSession, job: Job, wanted: Wanted, span: tuple[int, int]
    ) -> Verdict:
        """Compare every sample of `span`, the values as far as they are kept."""
        want = [verdict.without_nan(series) for series in await wanted(job, span)]
        found = await self._held(session, job, span)
        near = verdict.rounded_to(want, found, _VICTORIA_KEEPS)
        return verdict.judge(want, near, job.interval_ms)

    async def _held(
        self, session: aiohttp.ClientSession, job: Job, span: tuple[int, int]
    ) -> Series:
        matcher = f'{{via="{job.name}"}}'
        return await held.in_victoria_metrics(session, self.server.url, matcher, span)


@dataclass
class PushgatewayEndpoint:
    """Holds the latest value of each series, without its time."""

    server: Pushgateway
    target: Target = "pushgateway"

    async def newest(self, session: aiohttp.ClientSession, job: Job, since_ms: int) -> int:
        """Return when it was pushed last."""
        pushed_ms, values = await held.in_pushgateway(session, self.server.url, PUSH_JOB)
        return pushed_ms if values and pushed_ms > since_ms else 0

    async def judge(
        self, session: aiohttp.ClientSession, job: Job, wanted: Wanted, span: tuple[int, int]
    ) -> Verdict:
        """Compare what it holds now, until three different states were right, each as a whole.

        Right is the state after a window that ended after `span`. In between there are others,
        because a window comes in several batches; but something wrong that lasts is in every state.
        """
        right: dict[int, Verdict] = {}
        wrong: list[Verdict] = []
        ends = time.monotonic() + _LATEST_SECONDS
        while len(right) < _LATEST_STATES and time.monotonic() < ends:
            pushed_ms, values = await held.in_pushgateway(session, self.server.url, PUSH_JOB)
            want = await wanted(job, (span[1] - latest.REACH_MS, pushed_ms))
            history = latest.History(want, job.interval_ms)
            last = pushed_ms // job.interval_ms * job.interval_ms
            found = min(
                (
                    latest.judge(history.choices(until), values)
                    for until in range(last, span[1], -job.interval_ms)
                ),
                key=_wrong,
                default=Verdict(0, 0),
            )
            if found.exact:
                right[pushed_ms] = found
            else:
                wrong.append(found)
            await asyncio.sleep(_LATEST_PAUSE)
        if len(right) == _LATEST_STATES:
            return right[max(right)]
        return min(wrong[-_LATEST_LOOKS:], key=_wrong, default=Verdict(0, 0))


def _wrong(found: Verdict) -> int:
    return found.lost + found.extra + found.different


def _newest(series: Series) -> int:
    return max((samples[-1][0] for samples in series.values()), default=0)


def _now_ms() -> int:
    return int(time.time() * 1000)

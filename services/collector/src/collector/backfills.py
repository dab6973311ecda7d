"""Serve the requests for backfill of the shards that this instance collects.

Those of one shard one after the other, oldest span first; those of different shards at the same
time. The bounds of ordinary windows hold for them too: the slots for windows in memory, the requests
per source.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Collection
from functools import partial

from collector import backfill
from collector.backfill import Answer, Over, Source
from collector.metrics import Metrics
from tenantry_common import backoff, bus, errors, kv, tasks
from tenantry_common.contracts import Backfill
from tenantry_common.subjects import JobRef, ShardRef

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
_IN_DOUBT = (errors.Fenced, errors.BusUnavailable, errors.Undecodable, errors.NewerSchema)


def shard_of(request: Backfill) -> ShardRef:
    """Return the shard that a request is about; pure."""
    return ShardRef(JobRef(request.tenant, request.job), request.shard)


class Backfills:
    """Runs the answers. `held` tells the shards that are ours, `source` what they are read from."""

    def __init__(
        self,
        connection: bus.Bus,
        requests: kv.KvView[Backfill],
        held: Callable[[], Collection[ShardRef]],
        source: Callable[[ShardRef], Source],
        metrics: Metrics,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._bus = connection
        self._requests = requests
        self._held = held
        self._source = source
        self._metrics = metrics
        self._now = now
        self._running: dict[ShardRef, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Serve for ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                version = self._requests.version
                self._reconcile(group)
                if self._asked():
                    # What is held changes without a word.
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._requests.newer(version), _LOOK_SECONDS)
                else:
                    await self._requests.newer(version)

    def _asked(self) -> dict[ShardRef, dict[str, Backfill]]:
        """Return what is to be answered, by shard and key, oldest end first."""
        found: dict[ShardRef, dict[str, Backfill]] = {}
        snapshot = self._requests.snapshot
        for key in sorted(snapshot, key=lambda key: (snapshot[key].end_ms, key)):
            request = snapshot[key]
            if request.is_open and not request.answered_ms:
                found.setdefault(shard_of(request), {})[key] = request
        return found

    def _reconcile(self, group: asyncio.TaskGroup) -> None:
        held = set(self._held())
        for shard in self._running.keys() - held:
            self._running[shard].cancel()
        for shard in self._asked().keys() & held - self._running.keys():
            task = tasks.spawn(group, f"backfill {shard}", self._serve(shard))
            self._running[shard] = task
            task.add_done_callback(partial(self._ended, shard))

    def _ended(self, shard: ShardRef, _: asyncio.Task[None]) -> None:
        del self._running[shard]

    async def _serve(self, shard: ShardRef) -> None:
        """Answer what is asked for a shard; return when nothing is left."""
        source = self._source(shard)
        delays = backoff.delays(_FIRST_PAUSE, _LONGEST_PAUSE)
        done: set[str] = set()
        while asked := {
            key: one for key, one in self._asked().get(shard, {}).items() if one.id not in done
        }:
            key, request = next(iter(asked.items()))
            try:
                answer = await Answer(self._bus, key, request, source, now=self._now).run()
            except Over:
                done.add(request.id)
            except _IN_DOUBT as error:
                if not source.allowed():
                    return
                _log.info(
                    "backfill interrupted, resuming",
                    extra=backfill.said(request) | {"error": str(error)},
                )
                await asyncio.sleep(next(delays))
            except Exception:  # the top of a loop: one request must not end the service
                _log.exception("backfill failed, trying again", extra=backfill.said(request))
                self._metrics.errors.inc()
                await asyncio.sleep(next(delays))
            else:
                done.add(answer.id)
                delays = backoff.delays(_FIRST_PAUSE, _LONGEST_PAUSE)
                self._count(answer)

    def _count(self, answer: Backfill) -> None:
        self._metrics.backfilled_samples.inc(answer.samples)
        self._metrics.lost_seconds.inc(answer.lost_ms / 1000)
        self._metrics.backfill_empty_seconds.inc(answer.empty_ms / 1000)
        level = logging.ERROR if answer.lost_ms else logging.INFO
        _log.log(
            level, "span is published for an endpoint that missed it", extra=backfill.said(answer)
        )

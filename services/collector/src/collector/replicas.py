"""Get one window of one shard from the replicas of its HA set, as batches."""

import asyncio
import logging
from dataclasses import dataclass

from collector import pull, selection, transform
from collector.assign import HaSet, order
from collector.batch import Limits, SeriesTooLarge
from collector.encode import Encoding
from collector.labelcache import LabelCache
from collector.metrics import Metrics
from collector.pull import Answer, Failed, Puller, TooLarge
from collector.schedule import Window
from tenantry_common import errors
from tenantry_common.contracts import Backend, DeliveryJob
from tenantry_common.subjects import ShardRef

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a shard is collected from and for, as it stands now."""

    job: DeliveryJob
    ha_set: HaSet


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """A window, ready to be published."""

    encoding: Encoding
    answer_bytes: int


type Outcome = Encoded | TooLarge | Failed


class Replicas:
    """Asks one replica for a window, the next one only when it fails, and stays with who answered.

    Samples of two replicas are never mixed within a window: each answers it alone.
    """

    def __init__(
        self,
        shard: ShardRef,
        puller: Puller,
        limits: Limits,
        metrics: Metrics,
        *,
        cached_series: int,
    ) -> None:
        self._shard = shard
        self._puller = puller
        self._limits = limits
        self._metrics = metrics
        self._cached_series = cached_series
        self._current = ""
        self._transform: transform.Transform | None = None
        self._cache: LabelCache | None = None

    async def collect(
        self, work: Work, window: Window, published: frozenset[bytes] = frozenset()
    ) -> Outcome:
        """Return the batches of `window` without the series that are `published` already."""
        reasons = []
        for backend in order(work.ha_set, self._shard, self._current):
            outcome = await self._from(backend, work.job, window, published)
            if not isinstance(outcome, Failed):
                self._stay_with(backend)
                return outcome
            self._metrics.failures.labels(backend.id).inc()
            reasons.append(f"{backend.id}: {outcome.reason}")
        return Failed("; ".join(reasons) or "no source is known for this shard")

    async def _from(
        self, backend: Backend, job: DeliveryJob, window: Window, published: frozenset[bytes]
    ) -> Outcome:
        try:
            prepared = self._prepared(job, backend)
        except ValueError as error:
            return Failed(f"the job's rules or relabelings are broken: {error}")
        answer: pull.Outcome = Answer(b"")
        if not prepared.rules.is_empty:
            with self._metrics.fetch_seconds.labels(backend.id).time():
                answer = await self._puller.read(backend, selection.queries(prepared.rules, window))
        if not isinstance(answer, Answer):
            return answer
        self._metrics.answer_bytes.labels(backend.id).inc(len(answer.data))
        cache = self._cache_of(prepared)
        encoding = Encoding(cache, window, self._limits, published=published)
        return await self._encode(encoding, answer.data)

    async def _encode(self, encoding: Encoding, answer: bytes) -> Outcome:
        try:
            for _ in encoding.run(answer):
                await asyncio.sleep(0)  # whatever else this process does goes on meanwhile
        except SeriesTooLarge as error:
            return TooLarge(str(error))
        except errors.Undecodable as error:
            return Failed(f"broken answer: {error}")
        return Encoded(encoding=encoding, answer_bytes=len(answer))

    def _prepared(self, job: DeliveryJob, backend: Backend) -> transform.Transform:
        current = self._transform
        if current is None or current.version != transform.version(job, backend):
            return transform.Transform(job, backend)
        return current

    def _cache_of(self, prepared: transform.Transform) -> LabelCache:
        """Return the remembered labels; those of another job version or replica are forgotten."""
        if self._cache is None or prepared is not self._transform:
            self._transform = prepared
            self._cache = LabelCache(prepared, limit=self._cached_series)
        return self._cache

    def _stay_with(self, backend: Backend) -> None:
        if self._current and self._current != backend.id:
            _log.warning(
                "another replica answers from this window on",
                extra={
                    "tenant": self._shard.job.tenant,
                    "job": self._shard.job.name,
                    "shard": self._shard.shard,
                    "backend": backend.id,
                    "before": self._current,
                },
            )
            self._metrics.switches.inc()
        self._current = backend.id

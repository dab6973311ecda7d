"""Get one window of one shard from the replicas of its HA set, as batches.

One replica answers a window alone, always the same while it can: samples of two replicas are never
mixed within a window. Another one takes over, from the start of a window on, when that one fails or
when its answer has a hole: noticeably fewer samples than before, and than the other one's answer.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from collector import density, transform
from collector.assign import HaSet, order
from collector.batch import Batch, Limits, SeriesTooLarge
from collector.density import Density
from collector.divide import Divided
from collector.encode import Encoding, TooManySeries
from collector.labelcache import LabelCache
from collector.metrics import Metrics
from collector.publish import Origin
from collector.pull import Answer, Failed, Puller, TooLarge
from collector.schedule import Window
from tenantry_common import credentials, errors, label_steps
from tenantry_common.contracts import Backend, DeliveryJob
from tenantry_common.subjects import ShardRef

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a shard is collected from and for, as it stands now."""

    job: DeliveryJob
    ha_set: HaSet


@dataclass(frozen=True, kw_only=True)
class Recall:
    """How to find out what an earlier owner, or an earlier attempt, published."""

    origin: Origin
    since_ms: int
    """Start of the window that is read back."""
    read: Callable[[], Awaitable[Mapping[bytes, int] | None]]
    """Returns the last timestamp of each series by its labels; None when it is not known."""


@dataclass(frozen=True, kw_only=True)
class Before:
    """What is known of the windows before the one that is collected."""

    overlap: int
    """How far before the window samples are looked for that came late, in ms."""
    recall: Recall | None = None
    """None: what this instance remembers is all there is to know."""


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """A window, ready to be published."""

    encoding: Encoding
    answer_bytes: int
    origin: Origin
    lossy: bool = False
    """Whether the source answered in JSON, see `pull.Answer`."""

    @property
    def samples(self) -> int:
        """Samples of the window itself."""
        return self.encoding.tally.samples - self.encoding.tally.late


type Outcome = Encoded | TooLarge | Failed


class Replicas:
    """The HA set of one shard. After each window that is on the stream call `published`."""

    def __init__(
        self,
        shard: ShardRef,
        puller: Puller,
        limits: Limits,
        metrics: Metrics,
        *,
        cached_series: int,
        secrets: credentials.Source | None = None,
    ) -> None:
        """`secrets` has the salts of jobs that anonymise labels; None: they cannot be collected."""
        self._shard = shard
        self._secrets = secrets or credentials.Folder("")
        self._divided = Divided(puller, metrics.fetch_seconds)
        self._limits = limits
        self._metrics = metrics
        self._cached_series = cached_series
        self._current = ""
        self._transform: transform.Transform | None = None
        self._cache: LabelCache | None = None
        self._density = Density()
        self._digest = ""
        self.newest: tuple[str, Batch] | None = None
        """Backend and first batch of the last window that held anything, for people."""

    async def collect(
        self,
        work: Work,
        window: Window,
        published: frozenset[bytes] = frozenset(),
        before: Before | None = None,
    ) -> Outcome:
        """Return the batches of `window` without the series that are `published` already.

        With `before` the window continues another one: late samples are looked for, and holes.
        """
        if not self._current and before is not None and before.recall is not None:
            self._current = before.recall.origin.source
        if work.job.digest != self._digest:
            self._digest = work.job.digest
            self._density.forget()
        reasons = []
        candidates = order(work.ha_set, self._shard, self._current)
        for place, backend in enumerate(candidates):
            outcome = await self._from(backend, work.job, window, published, before)
            if not isinstance(outcome, Failed):
                if isinstance(outcome, Encoded):
                    if before is not None:
                        others = candidates[place + 1 :]
                        outcome = await self._fuller(outcome, others, work.job, window, before)
                    self._stay_with(outcome.origin.source)
                return outcome
            self._metrics.failures.labels(backend.id).inc()
            reasons.append(f"{backend.id}: {outcome.reason}")
        return Failed("; ".join(reasons) or "no source is known for this shard")

    def published(self, window: Window, encoded: Encoded, *, whole: bool) -> None:
        """Note that a window is on the stream, or held nothing.

        Not `whole`: somebody else published a part of it, so nobody knows up to when.
        """
        if encoded.encoding.batches:
            self.newest = encoded.origin.source, encoded.encoding.batches[0]
        if whole and self._cache is not None:
            self._cache.published(window)
            self._density.note(window, encoded.samples)

    async def _fuller(
        self, answered: Encoded, others: HaSet, job: DeliveryJob, window: Window, before: Before
    ) -> Encoded:
        """Return the answer of another replica if it holds noticeably more than this one."""
        if not self._density.is_thin(window, answered.samples, job.interval_ms):
            return answered
        for backend in others:
            if not backend.healthy:
                continue
            mine = self._transform, self._cache
            outcome = await self._from(backend, job, window, frozenset(), before)
            if isinstance(outcome, Encoded) and density.is_fuller(
                outcome.samples, answered.samples
            ):
                self._metrics.holes.labels(answered.origin.source).inc()
                return outcome
            self._transform, self._cache = mine
        return answered

    async def _from(
        self,
        backend: Backend,
        job: DeliveryJob,
        window: Window,
        published: frozenset[bytes],
        before: Before | None,
    ) -> Outcome:
        try:
            prepared = self._prepared(job, backend, await self._salt(job))
        except ValueError as error:
            return Failed(f"the job's rules or relabelings are broken: {error}")
        except credentials.Unreadable as error:
            return Failed(f"no salt to anonymise labels with: {error}")
        cache = self._cache_of(prepared)
        origin = Origin(backend.id, str(prepared.version))
        reach = await _reach(cache, window, before, origin)
        encoding = Encoding(
            cache,
            window,
            self._limits,
            reach=reach,
            newest=job.collection == "latest",
            published=published,
        )
        size = 0
        lossy = False
        if not prepared.rules.is_empty:
            span = Window(reach, window.end_ms)
            by_name = window.end_ms - window.start_ms <= job.interval_ms
            async for answer in self._divided.read(backend, prepared.rules, span, by_name=by_name):
                if not isinstance(answer, Answer):
                    return answer
                self._metrics.answer_bytes.labels(backend.id).inc(len(answer.data))
                size += len(answer.data)
                lossy |= answer.lossy
                if (broken := await _encode(encoding, answer.data)) is not None:
                    return broken
        try:
            encoding.finish()
        except SeriesTooLarge as error:
            return TooLarge(str(error))
        return Encoded(encoding=encoding, answer_bytes=size, origin=origin, lossy=lossy)

    async def _salt(self, job: DeliveryJob) -> bytes:
        """Return the salt as it is now, empty where none is needed. Raises `Unreadable`."""
        if not job.steps.anonymise or job.steps.salt is None:
            return b""
        return label_steps.salt_of(await self._secrets.read(job.tenant, job.steps.salt))

    def _prepared(self, job: DeliveryJob, backend: Backend, salt: bytes) -> transform.Transform:
        current = self._transform
        if current is None or current.version != transform.version(job, backend, salt):
            return transform.Transform(job, backend, salt)
        return current

    def _cache_of(self, prepared: transform.Transform) -> LabelCache:
        """Return the remembered labels; those of another job version or replica are forgotten."""
        if self._cache is None or prepared is not self._transform:
            self._transform = prepared
            self._cache = LabelCache(prepared, limit=self._cached_series)
        return self._cache

    def _stay_with(self, backend: str) -> None:
        if self._current and self._current != backend:
            _log.warning(
                "another replica answers from this window on",
                extra={
                    "tenant": self._shard.job.tenant,
                    "job": self._shard.job.name,
                    "shard": self._shard.shard,
                    "backend": backend,
                    "before": self._current,
                },
            )
            self._metrics.switches.inc()
        self._current = backend


async def _reach(cache: LabelCache, window: Window, before: Before | None, origin: Origin) -> int:
    """Return from when on (ms) to read, so that no sample comes twice; asks the stream if need be.

    Only what the same replica answered under the same version of the job can be gone on with: else
    it is not known which of its samples are published, and the window alone is read.
    """
    start = window.start_ms
    overlap = before.overlap if before is not None else 0
    reach = cache.reach(start, overlap)
    recall = before.recall if before is not None else None
    if reach == start and overlap and recall is not None and recall.origin == origin:
        found = await recall.read()
        if found is not None:
            cache.recall(recall.since_ms, found)
            reach = cache.reach(start, overlap)
    return reach


async def _encode(encoding: Encoding, answer: bytes) -> TooLarge | Failed | None:
    """Take an answer in; return what is wrong with it, if anything is."""
    try:
        for _ in encoding.take(answer):
            await asyncio.sleep(0)  # whatever else this process does goes on meanwhile
    except SeriesTooLarge as error:
        return TooLarge(str(error))
    except TooManySeries as error:
        return Failed(f"{error}: narrow the job's rules, or raise max_series")
    except errors.Undecodable as error:
        return Failed(f"broken answer: {error}")
    return None

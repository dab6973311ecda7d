"""Streams and buckets: created where they are missing, strengthened, never weakened.

`ensure` is called by every service at start; it is idempotent, and two services that run different
configurations end with the stronger of both settings.
"""

import asyncio
import logging
from dataclasses import dataclass, replace

import nats.js.errors
from nats.js import api

from tenantry_common import backoff, bus, config, errors, subjects

_log = logging.getLogger(__name__)

LEASE_SECONDS = 15
_REPORT_SECONDS = 300
_BACKFILL_SECONDS = 7 * 24 * 3600.0  # no source is asked for more than that
_DUPLICATE_WINDOW_SECONDS = 300.0
_REJECTS_BYTES = 64 << 20
_BACKFILL_BYTES = 1 << 30
_LATEST_SECONDS = 600.0
_LATEST_BYTES = 1 << 30
_MOST_LANES = 100_000
"""Consumers of a stream of batches: one for each shard and endpoint."""
_BOUNDS_CONSUMERS = (2, 15)
"""Version from which on nats-server takes -1 consumers for 1,000, and lets that be changed."""
_BACKFILL_PER_SUBJECT = 2048  # more than one window, and than a collector lets wait


@dataclass(frozen=True, kw_only=True)
class Strength:
    """The settings of a stream that may only grow; 0 seconds and -1 mean without limit.

    But -1 consumers mean the server's own limit, which is less than any number that is given.
    """

    max_age: float
    max_bytes: int
    max_msgs_per_subject: int
    num_replicas: int
    max_consumers: int = -1


def strongest(existing: Strength, wanted: Strength) -> Strength:
    """Return, setting by setting, the one that keeps more; pure."""
    return Strength(
        max_age=_longest(existing.max_age, wanted.max_age, unlimited=0.0),
        max_bytes=int(_longest(existing.max_bytes, wanted.max_bytes, unlimited=-1)),
        max_msgs_per_subject=int(
            _longest(existing.max_msgs_per_subject, wanted.max_msgs_per_subject, unlimited=-1)
        ),
        num_replicas=max(existing.num_replicas, wanted.num_replicas),
        max_consumers=max(existing.max_consumers, wanted.max_consumers),
    )


def _longest(a: float, b: float, *, unlimited: float) -> float:
    return unlimited if unlimited in (a, b) else max(a, b)


def definitions(settings: config.Nats) -> tuple[api.StreamConfig, ...]:
    """Return every stream of the contract (`docs` table "NATS contract"), buckets included."""
    return (
        api.StreamConfig(
            name=subjects.SAMPLES,
            description="sample batches: snappy blocks of remote-write 1.0 WriteRequests",
            subjects=[subjects.SAMPLES_SUBJECTS],
            retention=api.RetentionPolicy.LIMITS,
            storage=api.StorageType.FILE,
            discard=api.DiscardPolicy.OLD,
            max_age=float(settings.samples_max_age_seconds),
            max_bytes=settings.samples_max_bytes,
            max_msgs_per_subject=settings.samples_max_per_subject,
            duplicate_window=_DUPLICATE_WINDOW_SECONDS,
            num_replicas=settings.replicas,
            max_consumers=_MOST_LANES,
            allow_direct=True,
        ),
        api.StreamConfig(
            name=subjects.REJECTS,
            description="series that an endpoint or a check refused, with the reason",
            subjects=[subjects.REJECTS_SUBJECTS],
            retention=api.RetentionPolicy.LIMITS,
            storage=api.StorageType.FILE,
            discard=api.DiscardPolicy.OLD,
            max_age=24 * 3600.0,
            max_bytes=_REJECTS_BYTES,
            num_replicas=settings.replicas,
            allow_direct=True,
        ),
        # What is not delivered is never discarded: a full stream refuses, and collectors wait. What
        # is delivered goes with its request, and before that when a subject holds too many.
        api.StreamConfig(
            name=subjects.BACKFILL,
            description="sample batches that make up spans for one endpoint each",
            subjects=[subjects.BACKFILL_SUBJECTS],
            retention=api.RetentionPolicy.LIMITS,
            storage=api.StorageType.FILE,
            discard=api.DiscardPolicy.NEW,
            max_age=_BACKFILL_SECONDS,
            max_bytes=_BACKFILL_BYTES,
            max_msgs_per_subject=_BACKFILL_PER_SUBJECT,
            duplicate_window=_DUPLICATE_WINDOW_SECONDS,
            num_replicas=settings.replicas,
            max_consumers=_MOST_LANES,
            allow_direct=True,
        ),
        api.StreamConfig(
            name=subjects.LATEST,
            description="newest samples of each pushing cluster, for /federate",
            subjects=[subjects.LATEST_SUBJECTS],
            retention=api.RetentionPolicy.LIMITS,
            storage=api.StorageType.FILE,
            discard=api.DiscardPolicy.OLD,
            max_age=_LATEST_SECONDS,
            max_bytes=_LATEST_BYTES,
            max_msgs_per_subject=1,
            duplicate_window=_DUPLICATE_WINDOW_SECONDS,
            num_replicas=settings.replicas,
            allow_direct=True,
        ),
        _bucket(subjects.BACKENDS, settings, history=1),
        _bucket(subjects.POLICIES, settings, history=5),
        _bucket(subjects.JOBS, settings, history=5),
        # A key that expires leaves a marker, so that those who watch see the holder go.
        _bucket(subjects.LEASES, settings, history=1, marker_ttl=4.0 * LEASE_SECONDS),
        _bucket(subjects.REPORTS, settings, history=1, ttl=float(_REPORT_SECONDS)),
        _bucket(subjects.PUSHES, settings, history=1),
        _bucket(subjects.BACKFILLS, settings, history=1, ttl=_BACKFILL_SECONDS),
        _bucket(subjects.REVOCATIONS, settings, history=1),
    )


def _bucket(
    name: str,
    settings: config.Nats,
    *,
    history: int,
    ttl: float = 0.0,
    marker_ttl: float | None = None,
) -> api.StreamConfig:
    """Return the stream behind a KV bucket, with the layout that every NATS client expects."""
    return api.StreamConfig(
        name=subjects.bucket_stream(name),
        subjects=[subjects.bucket_subject(name, ">")],
        storage=api.StorageType.FILE,
        discard=api.DiscardPolicy.NEW,
        max_bytes=-1,
        max_msgs_per_subject=history,
        max_age=ttl,
        duplicate_window=min(ttl, 120.0) if ttl else 120.0,
        num_replicas=settings.replicas,
        allow_direct=True,
        allow_rollup_hdrs=True,
        allow_msg_ttl=True,
        deny_delete=True,
        subject_delete_marker_ttl=marker_ttl,
    )


async def ensure(connection: bus.Bus, settings: config.Nats) -> None:
    """Create or strengthen every stream and bucket; wait until JetStream can do it."""
    delays = backoff.delays(0.2, 5.0)
    for wanted in definitions(settings):
        while True:
            try:
                with bus.translated(f"stream {wanted.name}"):
                    await _ensure_one(connection, wanted)
                break
            except errors.BusUnavailable as error:
                _log.warning(
                    "stream cannot be created yet",
                    extra={"stream": wanted.name, "error": str(error)},
                )
                await asyncio.sleep(next(delays))


async def _ensure_one(connection: bus.Bus, wanted: api.StreamConfig) -> None:
    name = wanted.name or ""
    try:
        existing = (await connection.js.stream_info(name)).config
    except nats.js.errors.NotFoundError:
        await _create(connection, wanted)
        return
    now = _strength(existing)
    target = strongest(now, _strength(wanted))
    version = connection.client.connected_server_version
    if (version.major, version.minor) < _BOUNDS_CONSUMERS:
        target = replace(target, max_consumers=now.max_consumers)
    if target == now:
        return
    await connection.js.update_stream(
        config=replace(
            existing,
            max_age=target.max_age,
            max_bytes=target.max_bytes,
            max_msgs_per_subject=target.max_msgs_per_subject,
            num_replicas=target.num_replicas,
            max_consumers=target.max_consumers,
        )
    )
    _log.info("stream strengthened", extra={"stream": name})


async def _create(connection: bus.Bus, wanted: api.StreamConfig) -> None:
    try:
        await connection.js.add_stream(config=wanted)
    except nats.js.errors.BadRequestError:
        # Another service created it between our look and our request; its settings are
        # reconciled with ours by the next call of `ensure`, any service's.
        await connection.js.stream_info(wanted.name or "")
    else:
        _log.info("stream created", extra={"stream": wanted.name})


def _strength(stream: api.StreamConfig) -> Strength:
    return Strength(
        max_age=stream.max_age or 0.0,
        max_bytes=-1 if stream.max_bytes is None else stream.max_bytes,
        max_msgs_per_subject=stream.max_msgs_per_subject,
        num_replicas=stream.num_replicas or 1,
        max_consumers=stream.max_consumers or -1,
    )

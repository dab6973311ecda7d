"""From what was admitted of a push to the messages that are stored; pure."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from receiver.admit import Admitted
from tenantry_common import contracts, protowire, remote_write, snappy_block, subjects
from tenantry_common.pushed import MetricType
from tenantry_common.subjects import JobRef, ShardRef

_METADATA = 3
_LARGEST = 512 * 1024
"""Bytes of a batch before compression: far below what NATS takes, however well it compresses."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message of a stream."""

    subject: str
    data: bytes
    headers: dict[str, str]


def digest(job: JobRef, cluster: str, body: bytes, *more: object) -> str:
    """Return what names a push: the same for a body that a client sends again."""
    hashed = hashlib.sha256(repr((job, cluster, more)).encode())
    hashed.update(body)
    return hashed.hexdigest()[:32]


type Piece = tuple[bytes, int]
"""A request of one series, and how many samples it holds."""


def pieces(admitted: Admitted) -> list[Piece]:
    """Return all samples of a push, as requests of one series each."""
    encode = remote_write.time_series
    if not admitted.several:
        return [(encode(labels, one.sample), 1) for labels, one in admitted.series.items()]
    return [
        (encode(labels, piece), count)
        for labels, one in admitted.series.items()
        for piece, count in one.samples(_LARGEST // 2)
    ]


def newest(admitted: Admitted, every: list[Piece]) -> list[Piece]:
    """Return the newest sample of each series, given the `pieces` of the push."""
    if not admitted.several:
        return every
    encode = remote_write.time_series
    return [(encode(labels, one.newest()), 1) for labels, one in admitted.series.items()]


def samples(
    every: list[Piece], window: tuple[int, int], job: JobRef, cluster: str, name: str, version: str
) -> list[Message]:
    """Return the batches of a push with the digest `name`, for stream SAMPLES.

    `window`: times of its oldest and newest sample; `version`: digest of the job.
    """
    shard = ShardRef(job, subjects.push_shard(cluster))
    start, end = window
    parts = list(_parts(every, _LARGEST))
    return [
        Message(
            subject=subjects.samples(shard),
            data=snappy_block.compress(data),
            headers={
                subjects.HEADER_MSG_ID: subjects.push_batch_id(shard, name, number),
                subjects.HEADER_WINDOW: f"{max(0, start - 1)}-{end}",
                subjects.HEADER_PART: f"{number}/{len(parts)}",
                subjects.HEADER_SOURCE: subjects.source_token(cluster),
                subjects.HEADER_VERSION: version,
                subjects.HEADER_SERIES: str(count),
                subjects.HEADER_SAMPLES: str(held),
                subjects.HEADER_SCHEMA: str(contracts.SCHEMA),
            },
        )
        for number, (data, count, held) in enumerate(parts, 1)
    ]


def whole(
    latest: list[Piece], types: Mapping[str, MetricType], job: JobRef, cluster: str, name: str
) -> Message:
    """Return what replaces a cluster's newest samples on stream LATEST; none: only the time."""
    data = b"".join([request for request, _ in latest])
    return _latest(data, len(latest), types, subjects.latest(job, cluster), f"{name}/1")


def deltas(
    latest: list[Piece], types: Mapping[str, MetricType], job: JobRef, cluster: str, name: str
) -> list[Message]:
    """Return what is added to a cluster's newest samples on stream LATEST."""
    return [
        _latest(
            data,
            count,
            types if number == 1 else {},
            subjects.latest(job, cluster, f"{name}-{number}"),
            f"{name}/{number}",
        )
        for number, (data, count, _) in enumerate(_parts(latest, _LARGEST), 1)
    ]


def _latest(
    data: bytes, count: int, types: Mapping[str, MetricType], subject: str, message_id: str
) -> Message:
    return Message(
        subject=subject,
        data=snappy_block.compress(data + b"".join(metadata(types))),
        headers={
            subjects.HEADER_MSG_ID: message_id,
            subjects.HEADER_SERIES: str(count),
            subjects.HEADER_SCHEMA: str(contracts.SCHEMA),
        },
    )


def rejects(admitted: Admitted, job: JobRef, cluster: str) -> Iterator[Message]:
    """Yield what is told of rejected series on stream REJECTS, one message for each reason."""
    for reason, requests in admitted.kept.items():
        yield Message(
            subject=subjects.rejects(job),
            data=snappy_block.compress(_within(requests)),
            headers={
                subjects.HEADER_SERIES: str(admitted.rejected[reason]),
                subjects.HEADER_SCHEMA: str(contracts.SCHEMA),
                subjects.HEADER_REASON: str(reason),
                subjects.HEADER_SOURCE: subjects.source_token(cluster),
            },
        )


def metadata(types: Mapping[str, MetricType]) -> Iterator[bytes]:
    """Yield the `MetricMetadata` fields that tell the types of metrics."""
    for name, kind in types.items():
        told = protowire.tag(1, protowire.VARINT) + protowire.varint(kind)
        yield protowire.delimited(_METADATA, told + protowire.delimited(2, name.encode()))


def _parts(series: Iterable[Piece], largest: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield requests that are small enough, each with its number of series and of samples."""
    part: list[bytes] = []
    size = held = 0
    for request, count in series:
        if part and size + len(request) > largest:
            yield b"".join(part), len(part), held
            part, size, held = [], 0, 0
        part.append(request)
        size += len(request)
        held += count
    if part:
        yield b"".join(part), len(part), held


def _within(requests: Iterable[bytes]) -> bytes:
    """Return as many of the requests as one message holds."""
    first = next(_parts(((one, 1) for one in requests), _LARGEST), None)
    return first[0] if first else b""

"""Read samples back from Prometheus by remote read, decoded by the protobuf library.

Deliberately not the byte walker of the pipeline: the proof must not rest on the code that it
proves.
"""

import struct
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import aiohttp
import snappy

from tenantry_common.proto import remote_pb2

type Permitted = Callable[[Mapping[str, str]], bool]
type Labels = frozenset[tuple[str, str]]

_HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Read-Version": "0.1.0",
}


class Sample(NamedTuple):
    """One sample of one series; `bits` is the IEEE 754 value, so that NaNs compare."""

    labels: Labels
    timestamp_ms: int
    bits: int


async def samples(
    session: aiohttp.ClientSession, url: str, start_ms: int, end_ms: int
) -> list[Sample]:
    """Return every sample that the server at `url` holds with start < timestamp <= end."""
    body = snappy.compress(_request(start_ms + 1, end_ms).SerializeToString())
    async with session.post(f"{url}/api/v1/read", data=body, headers=_HEADERS) as response:
        response.raise_for_status()
        answer = remote_pb2.ReadResponse.FromString(snappy.decompress(await response.read()))
    return [
        Sample(
            frozenset((pair.name, pair.value) for pair in series.labels),
            s.timestamp,
            _bits(s.value),
        )
        for result in answer.results
        for series in result.timeseries
        for s in series.samples
        if start_ms < s.timestamp <= end_ms
    ]


def _request(start_ms: int, end_ms: int) -> remote_pb2.ReadRequest:
    everything = remote_pb2.LabelMatcher(
        type=remote_pb2.LabelMatcher.RE, name="__name__", value=".+"
    )
    query = remote_pb2.Query(
        start_timestamp_ms=start_ms, end_timestamp_ms=end_ms, matchers=[everything]
    )
    return remote_pb2.ReadRequest(queries=[query])


def _bits(value: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


def expected(
    source: Iterable[Sample],
    permitted: Permitted,
    without: frozenset[str],
    extra: Mapping[str, str],
) -> list[Sample]:
    """Return what an endpoint must hold: the permitted samples, relabelled.

    `without` are the replica labels, `extra` the job's extra labels; `permitted` is asked about
    the labels without the replica labels.
    """
    relabelled: list[Sample] = []
    for sample in source:
        labels = {name: value for name, value in sample.labels if name not in without}
        if permitted(labels):
            final = frozenset({**labels, **extra}.items())
            relabelled.append(sample._replace(labels=final))
    return relabelled


class Comparison(NamedTuple):
    """How two sets of samples differ."""

    compared: int
    lost: int
    extra: int
    different: int
    doubled: int

    @property
    def exact(self) -> bool:
        """Whether there was something to compare, and all of it is equal."""
        return self.compared > 0 and not (self.lost or self.extra or self.different or self.doubled)


def compare(wanted: Iterable[Sample], found: Iterable[Sample]) -> Comparison:
    """Compare sample for sample, bit for bit; pure."""
    want = list(wanted)
    have = list(found)
    wanted_bits = {(s.labels, s.timestamp_ms): s.bits for s in want}
    found_bits = {(s.labels, s.timestamp_ms): s.bits for s in have}
    common = wanted_bits.keys() & found_bits.keys()
    return Comparison(
        compared=len(wanted_bits),
        lost=len(wanted_bits.keys() - found_bits.keys()),
        extra=len(found_bits.keys() - wanted_bits.keys()),
        different=sum(wanted_bits[key] != found_bits[key] for key in common),
        doubled=len(have) - len(found_bits),
    )

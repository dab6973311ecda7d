"""What a server holds, read back sample for sample.

Decoded by the protobuf, JSON and text libraries of others, never by the byte walker of the pipeline:
the proof must not rest on the code that it proves.
"""

import json
import math
import struct
from collections import defaultdict
from collections.abc import Mapping
from typing import TypedDict

import aiohttp
import snappy
from prometheus_client.parser import text_string_to_metric_families

from tenantry_common.proto import remote_pb2

type Labels = frozenset[tuple[str, str]]

type Sample = tuple[int, int]
"""Timestamp in ms, and the value's IEEE 754 bits, so that NaNs compare."""

type Series = Mapping[Labels, list[Sample]]
"""All samples of each series, in order, doubled ones included."""

STALE = 0x7FF0000000000002
NAN = 0x7FF8000000000001
"""The NaN that Prometheus stores when it scrapes one."""

_READ_HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Read-Version": "0.1.0",
}


async def in_prometheus(
    session: aiohttp.ClientSession, url: str, matchers: Mapping[str, str], span: tuple[int, int]
) -> Series:
    """Return what a Prometheus holds with start < t <= end, by remote read.

    `matchers` are regular expressions by label.
    """
    start, end = span
    query = remote_pb2.Query(
        start_timestamp_ms=start + 1,
        end_timestamp_ms=end,
        matchers=[
            remote_pb2.LabelMatcher(type=remote_pb2.LabelMatcher.RE, name=name, value=value)
            for name, value in matchers.items()
        ],
    )
    body = snappy.compress(remote_pb2.ReadRequest(queries=[query]).SerializeToString())
    async with session.post(f"{url}/api/v1/read", data=body, headers=_READ_HEADERS) as response:
        response.raise_for_status()
        answer = remote_pb2.ReadResponse.FromString(snappy.decompress(await response.read()))
    found: defaultdict[Labels, list[Sample]] = defaultdict(list)
    for result in answer.results:
        for series in result.timeseries:
            labels = frozenset((pair.name, pair.value) for pair in series.labels)
            found[labels] += [(sample.timestamp, bits(sample.value)) for sample in series.samples]
    return found


async def in_victoria_metrics(
    session: aiohttp.ClientSession, url: str, matcher: str, span: tuple[int, int]
) -> Series:
    """Return what a VictoriaMetrics holds with start < t <= end, by its JSON lines.

    Of NaNs it keeps stale markers only, so every NaN, written as null, is one.
    """
    start, end = span
    asked = {"match[]": matcher, "start": str((start + 1) / 1000), "end": str(end / 1000)}
    async with session.get(f"{url}/api/v1/export", params=asked) as response:
        response.raise_for_status()
        lines = (await response.text()).splitlines()
    found: defaultdict[Labels, list[Sample]] = defaultdict(list)
    for line in lines:
        one = _exported(line)
        values = [
            STALE if value is None or math.isnan(value) else bits(value) for value in one["values"]
        ]
        found[frozenset(one["metric"].items())] += zip(one["timestamps"], values, strict=True)
    return {labels: sorted(samples) for labels, samples in found.items()}


class _Exported(TypedDict):
    """A line of VictoriaMetrics' export."""

    metric: dict[str, str]
    values: list[float | None]
    timestamps: list[int]


def _exported(line: str) -> _Exported:
    """Read a line; infinities are not JSON there (+Inf)."""
    labels, key, numbers = line.rpartition('"values":')
    one: _Exported = json.loads(labels + key + numbers.replace("+", "").replace("Inf", "Infinity"))
    return one


async def in_pushgateway(
    session: aiohttp.ClientSession, url: str, job: str
) -> tuple[int, Mapping[Labels, int]]:
    """Return when the group `job` was pushed last (ms, 0: never), and the bits of its values.

    The labels are those of the series before it was pushed: `job` belongs to the group there, the
    series' own one is `exported_job`.
    """
    async with session.get(f"{url}/metrics") as response:
        response.raise_for_status()
        text = await response.text()
    pushed_ms = 0
    values: dict[Labels, int] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = {name: value for name, value in sample.labels.items() if value}
            if labels.pop("job", "") != job or sample.name == "push_failure_time_seconds":
                continue
            if sample.name == "push_time_seconds":
                pushed_ms = round(sample.value * 1000)
                continue
            if own := labels.pop("exported_job", ""):
                labels["job"] = own
            series = frozenset({"__name__": sample.name, **labels}.items())
            values[series] = NAN if math.isnan(sample.value) else bits(sample.value)
    return pushed_ms, values


def bits(value: float) -> int:
    """Return the IEEE 754 bits of `value`."""
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


def value(of_bits: int) -> float:
    """Return the value with these bits."""
    return float(struct.unpack("<d", struct.pack("<Q", of_bits))[0])

"""Native histograms: exponential, with custom buckets, as gauges, and mixed with floats."""

import math
from collections.abc import Sequence
from random import Random

from tenantry_common.proto import remote_pb2

type Histograms = list[remote_pb2.Histogram]

_CUSTOM_SCHEMA = -53


def exponential(rng: Random, times: Sequence[int], *, resets: bool = False) -> Histograms:
    """Return integer histograms of schema 1 whose counts grow; `resets` empties them now and then."""
    counts = [rng.randrange(8) for _ in range(6)]
    zero, found = 0, []
    for time in times:
        if resets and rng.random() < 0.05:
            counts, zero = [0] * 6, 0
        counts = [count + rng.randrange(4) for count in counts]
        zero += rng.randrange(2)
        found.append(
            remote_pb2.Histogram(
                count_int=sum(counts) + zero,
                sum=sum(count * 2.0**index for index, count in enumerate(counts)) / 8,
                schema=1,
                zero_threshold=2.0**-10,
                zero_count_int=zero,
                negative_spans=[remote_pb2.BucketSpan(offset=0, length=1)],
                negative_deltas=counts[:1],
                positive_spans=[
                    remote_pb2.BucketSpan(offset=-1, length=2),
                    remote_pb2.BucketSpan(offset=2, length=3),
                ],
                positive_deltas=_deltas(counts[1:]),
                timestamp=time,
            )
        )
    return found


def gauges(rng: Random, times: Sequence[int]) -> Histograms:
    """Return float histograms that say of themselves that they are gauges."""
    found = []
    for time in times:
        counts = [rng.randrange(32) / 4 for _ in range(3)]
        found.append(
            remote_pb2.Histogram(
                count_float=sum(counts),
                sum=math.fsum(counts) * 2,
                schema=0,
                zero_threshold=2.0**-10,
                zero_count_float=0.0,
                positive_spans=[remote_pb2.BucketSpan(offset=0, length=3)],
                positive_counts=counts,
                reset_hint=remote_pb2.Histogram.GAUGE,
                timestamp=time,
            )
        )
    return found


def custom(rng: Random, times: Sequence[int]) -> Histograms:
    """Return histograms with bucket limits of their own (Prometheus 3)."""
    counts, found = [0, 0, 0, 0], []
    for time in times:
        counts = [count + rng.randrange(4) for count in counts]
        found.append(
            remote_pb2.Histogram(
                count_int=sum(counts),
                sum=sum(counts) / 2,
                schema=_CUSTOM_SCHEMA,
                positive_spans=[remote_pb2.BucketSpan(offset=0, length=4)],
                positive_deltas=_deltas(counts),
                custom_values=[0.5, 1.0, 2.5],
                timestamp=time,
            )
        )
    return found


def _deltas(counts: Sequence[int]) -> list[int]:
    return [count - before for before, count in zip([0, *counts], counts, strict=False)]

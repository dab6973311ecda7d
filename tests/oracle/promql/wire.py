"""Series as remote writes, cut into slices of time so that a fresh server takes them in order.

A slice of a series is encoded once; the request for any subset of series is a concatenation.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.oracle.promql import curves, native

from tenantry_common import remote_write, snappy_block
from tenantry_common.proto import remote_pb2

_SLICE = 1_200_000  # milliseconds; a server without samples takes what is within its last hour
SLICES = (curves.END - curves.START + _SLICE - 1) // _SLICE


@dataclass(frozen=True)
class Series:
    """One stored series."""

    labels: Mapping[str, str]
    """With `__name__`."""
    slices: tuple[bytes, ...]
    """A remote write for each slice of time, empty where there is no sample."""


def series(
    labels: Mapping[str, str], samples: curves.Samples, histograms: native.Histograms
) -> Series:
    """Encode one series."""
    parts: list[remote_pb2.TimeSeries] = [remote_pb2.TimeSeries() for _ in range(SLICES)]
    for time, value in samples:
        parts[_slice(time)].samples.append(remote_pb2.Sample(value=value, timestamp=time))
    for histogram in histograms:
        parts[_slice(histogram.timestamp)].histograms.append(histogram)
    label_bytes = remote_write.encode_labels(labels)
    return Series(
        labels=dict(labels),
        slices=tuple(
            remote_write.time_series(label_bytes, part.SerializeToString())
            if part.samples or part.histograms
            else b""
            for part in parts
        ),
    )


def requests(stored: Iterable[Series]) -> list[bytes]:
    """Return the bodies to post, one after the other, so that a server holds these series."""
    chosen = list(stored)
    return [
        snappy_block.compress(remote_write.join(one.slices[index] for one in chosen))
        for index in range(SLICES)
    ]


def _slice(time: int) -> int:
    return (time - curves.START) // _SLICE

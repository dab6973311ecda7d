"""What was collected last is told with a few of its samples."""

import struct

import pytest

from collector import collected
from collector.batch import Batch
from collector.testing import SHARD, sample, series
from tenantry_common import protowire, remote_write, snappy_block
from tenantry_common.contracts import Progress

AT = 1_700_000_000_000
PROGRESS = Progress(shard="cluster-eu1", window_end_ms=AT, series=30, samples=99, late=1)


def batch(request: bytes, count: int) -> Batch:
    return Batch(block=snappy_block.compress(request), series=count, samples=count)


def bits(value: float) -> int:
    [found] = struct.unpack("<Q", struct.pack("<d", value))
    return int(found)


def test_window_and_the_newest_sample_of_its_first_series() -> None:
    request = b"".join(
        series({"__name__": "up", "n": f"{n:02}"}, [(AT - 9, bits(0.5)), (AT - 1, bits(n + 0.25))])
        for n in range(30)
    )

    page = collected.page(SHARD, PROGRESS, "prom-a", batch(request, 30))

    metrics = page.pop("metrics")
    assert page == {
        "job": "shop/main",
        "shard": "cluster-eu1",
        "source": "prom-a",
        "lastCollection": AT,
        "metricsCollected": 30,
        "samples": 99,
        "late": 1,
        "lastError": "",
        "omitted": 10,
    }
    assert metrics == [
        {"name": "up", "labels": {"n": f"{n:02}"}, "value": repr(n + 0.25), "timestamp": AT - 1}
        for n in range(20)
    ]


@pytest.mark.parametrize(
    ("encoded", "value"),
    [
        pytest.param(sample(AT, 0), "0", id="zero"),
        pytest.param(sample(AT, 0x7FF0000000000002), "stale", id="stale marker"),
        pytest.param(sample(AT, 0x7FF8000000000001), "NaN", id="not a number"),
        pytest.param(sample(AT, 0x7FF0000000000000), "+Inf", id="infinity"),
        pytest.param(sample(AT, 0xFFF0000000000000), "-Inf", id="minus infinity"),
        pytest.param(sample(AT, bits(1 / 3)), "0.3333333333333333", id="a third"),
        pytest.param(
            protowire.delimited(4, b"\x78" + protowire.varint(AT)), "histogram", id="histogram"
        ),
    ],
)
def test_values(encoded: bytes, value: str) -> None:
    request = remote_write.time_series(remote_write.encode_labels({"a": "b"}), encoded)

    page = collected.page(SHARD, PROGRESS, "", batch(request, 1))

    assert page["metrics"] == [{"name": "", "labels": {"a": "b"}, "value": value, "timestamp": AT}]


def test_shard_that_published_nothing_yet_has_no_samples() -> None:
    page = collected.page(SHARD, Progress(shard="cluster-eu1"), "", None)

    assert (page["metrics"], page["omitted"], page["source"]) == ([], 0, "")

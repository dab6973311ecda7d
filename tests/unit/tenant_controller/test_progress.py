"""Reports of several instances add up to one state of a delivery."""

import msgspec
import pytest

from tenant_controller import progress
from tenantry_common.contracts import DeliveryJob, Endpoint, Progress, Report

NOW = 1_000_000
JOB = DeliveryJob(
    tenant="t",
    name="j",
    digest="d",
    rules=(),
    interval_ms=30_000,
    lookback_ms=0,
    endpoints=tuple(
        Endpoint(id=name, kind="prometheus", url="http://x") for name in ("p-0", "p-1")
    ),
)


def collector(*said: Progress, at: int = NOW, instance: str = "c") -> Report:
    return report("collector", said, at, instance)


def writer(*said: Progress, at: int = NOW, instance: str = "w") -> Report:
    return report("writer", said, at, instance)


def report(component: str, said: tuple[Progress, ...], at: int, instance: str) -> Report:
    values = {"tenant": "t", "job": "j", "component": component, "instance": instance, "at_ms": at}
    return msgspec.convert(values | {"progress": said}, Report)


def replica(name: str, *reports: Report) -> progress.Replica:
    found = progress.of(JOB, reports, NOW)
    return next(one for one in found.replicas if one.endpoint == name)


def test_without_reports_nothing_is_known() -> None:
    found = progress.of(JOB, (), NOW)

    assert (found.collector_reports, found.writer_reports, found.last_error) == (False, False, "")
    assert [(r.endpoint, r.delivered_ms, r.error) for r in found.replicas] == [
        ("p-0", 0, ""),
        ("p-1", 0, ""),
    ]


def test_shards_add_up() -> None:
    found = progress.of(
        JOB,
        [
            collector(
                Progress(shard="a", series=3, window_end_ms=900),
                Progress(shard="b", series=4, window_end_ms=950),
            ),
            writer(
                Progress(shard="a", endpoint="p-0", window_end_ms=800, pending=2, rejected=1),
                Progress(shard="b", endpoint="p-0", window_end_ms=950, pending=1),
                Progress(shard="a", endpoint="p-1", window_end_ms=900),
                Progress(shard="b", endpoint="p-1", window_end_ms=950),
            ),
        ],
        NOW,
    )

    assert (found.series, found.collected_ms, found.delivered_ms) == (7, 950, 800)
    assert (found.replicas[0].pending, found.replicas[0].rejected) == (3, 1)
    assert found.replicas[1].delivered_ms == 900


def test_of_a_shard_that_moved_the_newest_word_counts() -> None:
    found = progress.of(
        JOB,
        [
            collector(Progress(shard="a", series=3, window_end_ms=900), at=NOW - 9, instance="old"),
            collector(Progress(shard="a", series=5, window_end_ms=930)),
        ],
        NOW,
    )

    assert (found.series, found.collected_ms) == (5, 930)


def test_who_says_nothing_any_more_is_not_believed() -> None:
    said = Progress(shard="a", series=3, window_end_ms=900)

    assert not progress.of(JOB, [collector(said, at=NOW - 60_001)], NOW).collector_reports


def test_a_collectors_error_is_told() -> None:
    found = progress.of(JOB, [collector(Progress(shard="a", last_error="away"))], NOW)

    assert (found.collector_error, found.last_error) == ("away", "away")


@pytest.mark.parametrize(
    ("said", "error"),
    [
        pytest.param(Progress(shard="a", endpoint="p-0", window_end_ms=1), "", id="all is well"),
        pytest.param(
            Progress(shard="", endpoint="p-0", last_error="not allowed"),
            "not allowed",
            id="refused",
        ),
        pytest.param(
            Progress(shard="a", endpoint="p-0", pending=1, last_error="401", last_error_ms=1),
            "401",
            id="something waits",
        ),
        pytest.param(
            Progress(shard="a", endpoint="p-0", last_error="one series", last_error_ms=NOW - 1),
            "one series",
            id="a fresh error",
        ),
        pytest.param(
            Progress(shard="a", endpoint="p-0", last_error="old", last_error_ms=1),
            "",
            id="an error that is over",
        ),
    ],
)
def test_what_is_wrong_with_an_endpoint(said: Progress, error: str) -> None:
    assert replica("p-0", writer(said)).error == error


def test_an_endpoint_that_stays_behind_has_a_problem() -> None:
    ahead = collector(Progress(shard="a", window_end_ms=900_000))
    behind = writer(Progress(shard="a", endpoint="p-0", window_end_ms=800_000))

    assert replica("p-0", ahead, behind).error == "is 100 s behind"

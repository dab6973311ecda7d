"""What is reported, and the gauges that go with it."""

from prometheus_client import CollectorRegistry

from tenantry_common.contracts import Backfill, Endpoint, Progress
from tenantry_common.subjects import JobRef, ShardRef
from writer.assign import Lane, Refusal
from writer.backfills import Backfills
from writer.batch import Batch
from writer.metrics import Metrics
from writer.report import Report, by_job
from writer.tally import Tally

A, B = JobRef("t", "a"), JobRef("t", "b")


def tally(job: JobRef, shard: str, metrics: Metrics) -> Tally:
    endpoint = Endpoint(id="0", kind="prometheus", url="http://p")
    return Tally(Lane(shard=ShardRef(job, shard), endpoint=endpoint), metrics)


def test_a_report_names_every_lane_and_every_refused_endpoint() -> None:
    metrics = Metrics(CollectorRegistry())
    tallies = [tally(A, "s2", metrics), tally(A, "s1", metrics), tally(B, "s1", metrics)]
    refusals = {Refusal(job=B, endpoint="9", reason="no"): 5}

    assert by_job(tallies, refusals, Backfills(dict)) == {
        A: (Progress(shard="s1", endpoint="0"), Progress(shard="s2", endpoint="0")),
        B: (
            Progress(shard="", endpoint="9", last_error="no", last_error_ms=5),
            Progress(shard="s1", endpoint="0"),
        ),
    }


def test_a_span_that_an_endpoint_missed_is_told_until_it_is_made_up() -> None:
    def missed(shard: str, start_ms: int, end_ms: int) -> Backfill:
        return Backfill(
            tenant="t", job="a", shard=shard, endpoint="0", start_ms=start_ms, end_ms=end_ms
        )

    tallies = [tally(A, "s1", Metrics(CollectorRegistry()))]
    asked = [missed("s1", 30, 40), missed("s1", 0, 20), missed("s2", 1, 2), missed("s1", 50, 0)]

    backfills = Backfills(lambda: {str(n): one for n, one in enumerate(asked)})

    assert by_job(tallies, {}, backfills) == {
        A: (Progress(shard="s1", endpoint="0", gaps=((0, 20), (30, 40))),)
    }


def test_a_refusal_keeps_the_time_at_which_it_began() -> None:
    clock = iter([1.0, 2.0])
    refusal = Refusal(job=A, endpoint="9", reason="no")
    report = Report(
        Metrics(CollectorRegistry()),
        lambda: [],
        lambda: [refusal],
        Backfills(dict),
        now=lambda: next(clock),
    )

    assert [report.say()[A][0].last_error_ms for _ in range(2)] == [1000, 1000]


def test_gauges_show_the_worst_shard_and_go_with_the_job() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    lanes = [tally(A, "s1", metrics), tally(A, "s2", metrics), tally(A, "s3", metrics)]
    lanes[0].settled(Batch(window_end_ms=90_000, series=1, samples=1), 1, [], 2)
    lanes[1].settled(Batch(window_end_ms=40_000, series=1, samples=1), 1, [], 5)
    report = Report(metrics, lambda: lanes, lambda: [], Backfills(dict), now=lambda: 100.0)

    def gauges() -> list[float | None]:
        labels = {"tenant": "t", "job": "a", "endpoint": "0"}
        names = ("lag_seconds", "pending_batches", "batches_total")
        return [registry.get_sample_value(f"tenantry_writer_{name}", labels) for name in names]

    report.say()
    shown = gauges()
    lanes.clear()
    report.say()

    assert (shown, gauges()) == ([60.0, 7.0, 2.0], [None, None, None])

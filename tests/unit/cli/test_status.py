"""Status is shown as tables made from one snapshot."""

import io

from rich.console import Console

from tenantry_cli import status
from tenantry_cli.snapshot import Cursor, Snapshot
from tenantry_common import contracts
from tenantry_common.subjects import JobRef, ShardRef

JOB = JobRef("team-web", "web")
SHARD = ShardRef(JOB, "cluster-demo")
ENDPOINT = contracts.Endpoint(id="0", kind="prometheus", url="http://t0/api/v1/write")


def snapshot(waiting: int = 3, *reports: contracts.Report) -> Snapshot:
    problem = contracts.Problem(
        path="$.spec.metrics[0]", message="does not parse", object="team-web/broken"
    )
    return Snapshot(
        backends=(
            contracts.Backend(id="a", url="http://a", ha_set="cluster-demo", healthy=True),
            contracts.Backend(id="b", url="http://b", ha_set="cluster-demo", reason="refused"),
        ),
        policies=(
            contracts.TenantPolicy(
                tenant="team-web", digest="d" * 32, rules=((),), problems=(problem,)
            ),
        ),
        jobs=(
            contracts.DeliveryJob(
                tenant="team-web",
                name="web",
                digest="d",
                rules=(),
                interval_ms=1,
                lookback_ms=1,
                endpoints=(ENDPOINT,),
            ),
        ),
        reports=reports,
        cursors=(Cursor(shard=SHARD, endpoint="0", waiting=waiting),),
        unreadable=("jobs/x: newer",),
    )


def report(
    instance: str,
    samples: int,
    window_end_ms: int,
    *,
    made_up: int = 0,
    missed_ms: int = 0,
    gaps: tuple[tuple[int, int], ...] = (),
) -> contracts.Report:
    progress = contracts.Progress(
        shard=SHARD.shard,
        endpoint="0",
        samples=samples,
        window_end_ms=window_end_ms,
        made_up=made_up,
        missed_ms=missed_ms,
        gaps=gaps,
    )
    return contracts.Report(
        tenant="team-web",
        job="web",
        component="writer",
        instance=instance,
        at_ms=window_end_ms,
        progress=(progress,),
    )


def text(of: Snapshot) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(status.render(of, now_ms=20_000))
    return console.export_text()


def test_everything_that_matters_is_shown() -> None:
    shown = text(snapshot())

    for expected in (
        "unhealthy: refused",
        "cluster-demo",
        "http://t0/api/v1/write",
        "$.spec.metrics[0]",
        "jobs/x: newer",
    ):
        assert expected in shown


def test_writers_figures_are_added_up_and_the_newest_window_gives_the_lag() -> None:
    shown = text(snapshot(3, report("w0", 1500, 10_000), report("w1", 500, 15_000)))

    assert ("2,000" in shown, "5 s" in shown) == (True, True)


def test_what_an_endpoint_missed_is_told_apart_by_what_becomes_of_it() -> None:
    gaps = ((0, 9_000), (10_000, 70_000))
    waiting = [report(f"w{n}", 0, 9_000, made_up=700, gaps=gaps) for n in range(2)]

    shown = text(snapshot(3, *waiting, report("w2", 0, 9_000, missed_ms=5_000)))

    assert "1,400" in shown
    assert "60 s to make up, a gap of unknown length, 5 s lost" in " ".join(shown.split())


def test_a_delivery_that_no_writer_asked_for_is_said() -> None:
    assert "no writer" in text(snapshot(-1))

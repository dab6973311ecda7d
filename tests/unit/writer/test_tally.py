"""What is counted of a lane."""

import pytest
from prometheus_client import CollectorRegistry

from tenantry_common.contracts import Endpoint, Progress
from tenantry_common.subjects import JobRef, ShardRef
from writer import outcome
from writer.assign import Lane
from writer.batch import Batch
from writer.isolate import Refused, Verdict
from writer.metrics import Metrics
from writer.tally import Tally
from writer.testing import series

LABELS = {"tenant": "t", "job": "j", "endpoint": "0"}
BATCH = Batch(window_end_ms=20_000, series=10, samples=30)
SERIES = series({"__name__": "m"}, (1, 1), (2, 2), (3, 3))


class Counted:
    """A tally at second 25, and its metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        lane = Lane(
            shard=ShardRef(JobRef("t", "j"), "s"),
            endpoint=Endpoint(id="0", kind="prometheus", url="http://p"),
        )
        self.tally = Tally(lane, Metrics(self.registry), now=lambda: 25.0)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"tenantry_writer_{name}", {**LABELS, **labels})


@pytest.fixture
def counted() -> Counted:
    return Counted()


def refused(verdict: Verdict, *, unreadable: bool = False) -> Refused:
    return Refused(
        request=b"\xff" if unreadable else SERIES,
        reason="400 no",
        cause="time",
        verdict=verdict,
        unreadable=unreadable,
    )


def test_a_delivered_batch_is_counted_with_its_latency(counted: Counted) -> None:
    counted.tally.settled(BATCH, 500, [], 7)

    assert counted.tally.progress == Progress(
        shard="s", endpoint="0", window_end_ms=20_000, samples=30, batches=1, pending=7
    )
    assert [
        counted.value(name)
        for name in ("batches_total", "samples_total", "bytes_total", "latency_seconds_sum")
    ] == [1, 30, 500, 5]


def test_rejected_series_are_counted_by_cause_and_their_samples_left_out(
    counted: Counted,
) -> None:
    counted.tally.settled(BATCH, 500, [refused("rejected"), refused("already stored")], 0)

    progress = counted.tally.progress
    assert (progress.samples, progress.rejected) == (27, 1)
    assert (progress.last_error, progress.last_error_ms) == ("1 series rejected: 400 no", 25_000)
    assert counted.value("rejected_series_total", cause="time") == 1
    assert counted.value("already_stored_series_total") == 1


def test_an_unreadable_batch_stores_nothing(counted: Counted) -> None:
    counted.tally.settled(BATCH, 500, [refused("rejected", unreadable=True)], 0)

    assert counted.tally.progress.samples == 0


@pytest.mark.parametrize(
    ("failure", "kind", "retries"),
    [
        pytest.param(outcome.Retry("503"), "retry", 1, id="retry"),
        pytest.param(outcome.ConfigFault("404"), "config", 1, id="config"),
        pytest.param(outcome.CredentialsFault("401"), "credentials", 1, id="credentials"),
        pytest.param(outcome.Split("400", "time"), "split", 0, id="split is no retry"),
    ],
)
def test_failures_are_counted_by_kind(
    counted: Counted, failure: outcome.Failure, kind: str, retries: int
) -> None:
    counted.tally.failed(failure)

    assert counted.value("failed_requests_total", kind=kind) == 1
    assert counted.tally.progress.retries == retries
    assert counted.tally.progress.last_error == (failure.reason if retries else "")


def test_the_window_never_goes_back(counted: Counted) -> None:
    counted.tally.settled(BATCH, 1, [], 0)
    counted.tally.settled(Batch(window_end_ms=0, series=0, samples=0), 1, [], 0)

    assert counted.tally.progress.window_end_ms == 20_000

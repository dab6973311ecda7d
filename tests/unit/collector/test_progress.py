"""What a shard's report says."""

from prometheus_client import CollectorRegistry

from collector.batch import Batch, Limits
from collector.encode import Encoding, Tally
from collector.labelcache import LabelCache
from collector.metrics import Metrics
from collector.progress import ShardProgress
from collector.schedule import Window
from collector.testing import SHARD, Clock
from tenantry_common.contracts import Progress

WINDOW = Window(1_000, 31_000)


def shard_progress() -> ShardProgress:
    return ShardProgress(SHARD, Metrics(CollectorRegistry()), now=Clock(99_000))


def encoding(tally: Tally, batches: int = 1) -> Encoding:
    result = Encoding(LabelCache(bytes, limit=1), WINDOW, Limits(series=1, size=1))
    result.tally = tally
    result.batches.extend([Batch(block=b"x", series=1, samples=1)] * batches)
    return result


def test_windows_add_up() -> None:
    shard = shard_progress()

    shard.published(WINDOW, encoding(Tally(series=5, samples=10), batches=2))
    shard.published(
        Window(31_000, 61_000), encoding(Tally(series=4, samples=8, published_before=3))
    )

    assert shard.progress == Progress(
        shard="cluster-eu1", window_end_ms=61_000, series=7, samples=18, batches=3
    )


def test_error_stands_until_a_window_is_published() -> None:
    shard = shard_progress()

    shard.failed("away")
    assert (shard.progress.last_error, shard.progress.last_error_ms) == ("away", 99_000)

    shard.published(WINDOW, encoding(Tally()))
    assert shard.progress.last_error == ""


def test_gap_is_estimated_from_the_last_window_and_told_beyond_the_next_one() -> None:
    shard = shard_progress()
    shard.published(WINDOW, encoding(Tally(series=1, samples=60)))

    assert shard.lost(Window(31_000, 91_000)) == 120

    shard.published(Window(91_000, 121_000), encoding(Tally()))
    assert shard.progress.late == 120
    assert (
        shard.progress.last_error == "60 s of samples are older than lookback and were not made up"
    )
    shard.published(Window(121_000, 151_000), encoding(Tally()))
    assert (shard.progress.late, shard.progress.last_error) == (120, "")


def test_gap_of_a_shard_that_knows_no_rate_still_counts() -> None:
    assert shard_progress().lost(WINDOW) == 1


def test_collisions_are_told() -> None:
    shard = shard_progress()

    shard.published(WINDOW, encoding(Tally(collisions=2)))

    assert shard.progress.last_error.startswith("2 series became equal")


def test_where_the_stream_continues_is_reported_before_the_first_window() -> None:
    shard = shard_progress()

    shard.resumed(31_000)

    assert shard.progress == Progress(shard="cluster-eu1", window_end_ms=31_000)


def test_late_samples_that_are_lost_add_up_with_gaps() -> None:
    shard = shard_progress()

    shard.published(WINDOW, encoding(Tally(late=5, refused=2)))
    shard.published(WINDOW, encoding(Tally(refused=1)))

    assert shard.progress.late == 3


def test_warnings_of_a_window_stand_together_until_the_next_one() -> None:
    shard = shard_progress()

    shard.published(WINDOW, encoding(Tally(collisions=1)), "by JSON")
    assert shard.progress.last_error.startswith("1 series became equal")
    assert shard.progress.last_error.endswith("; by JSON")

    shard.published(WINDOW, encoding(Tally()))
    shard.slow("a window takes 9 s")
    assert shard.progress.last_error == "a window takes 9 s"

"""Delivery up to the stream is exact: real Prometheus, real nats-server, a clock of our own."""

import asyncio
from collections import Counter

import pytest
from nats.aio.msg import Msg

from collector.batch import Limits
from collector.testing import (
    SHARD,
    Point,
    Rig,
    backend,
    eventually,
    job,
    messages,
    points,
    reached,
    requests,
    series,
    store,
)
from tenantry_common import contracts, kv, remote_write, subjects
from tenantry_common.contracts import Matcher
from tenantry_local.prometheus import Prometheus, major_version
from tenantry_local.testing import Factory

STALE = 0x7FF0000000000002
ODD_VALUES = (
    STALE,
    0x7FF8000000000001,  # the NaN that Prometheus' own parser makes
    0xFFF8DEADBEEF0001,  # some other NaN
    0x7FF0000000000000,  # +Inf
    0xFFF0000000000000,  # -Inf
    0,  # zero, which is left out of the encoding
    1,  # the smallest number there is
    0x3FD5555555555555,  # one third
)


def named(name: str, **labels: str) -> dict[str, str]:
    return {"__name__": name, **labels}


async def source(prometheus_factory: Factory[Prometheus], replica: str = "a") -> Prometheus:
    return await prometheus_factory(
        external_labels={"cluster": "eu1", "replica": replica}, out_of_order_window="1h"
    )


async def test_every_sample_of_permitted_series_arrives_once_and_bit_for_bit(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    prometheus = await source(prometheus_factory)
    begin = rig.clock.now_ms
    stamps = range(begin - 9_999, begin + 30_001, 777)
    wanted = {
        n: series(
            named("wanted", n=str(n)),
            [(t, ODD_VALUES[(n + k) % len(ODD_VALUES)]) for k, t in enumerate(stamps)],
        )
        for n in range(40)
    }
    on_the_edges = series(
        named("edges"), [(begin - 10_000, 1), (begin - 9_999, 2), (begin, 3), (begin + 1, 4)]
    )
    forbidden = series(named("other"), [(t, 1) for t in stamps])
    await store(prometheus.url, b"".join([*wanted.values(), on_the_edges, forbidden]))
    rig.ha_set = (
        backend(
            prometheus.url, external_labels={"cluster": "eu1"}, replica_labels={"replica": "a"}
        ),
    )
    rig.job = job(
        [(Matcher("__name__", "=", "wanted"),), (Matcher("__name__", "=~", "edges|wan.*"),)]
    )

    async with rig.running() as loop:
        for _ in range(3):
            await rig.collected(loop, rig.clock.now_ms)
            rig.clock.now_ms += 10_000
        await rig.collected(loop, rig.clock.now_ms)

    found = await messages(rig.connection)
    expected = Counter(
        {
            (labels | {("cluster", "eu1")}, data): count
            for (labels, data), count in points(
                b"".join(wanted.values())
                + series(named("edges"), [(begin - 9_999, 2), (begin, 3), (begin + 1, 4)])
            ).items()
        }
    )
    assert points(requests(found)) == expected
    assert [one.headers[subjects.HEADER_WINDOW] for one in found] == [
        f"{begin + k * 10_000 - 10_000}-{begin + k * 10_000}" for k in range(4)
    ]
    assert sum(int(one.headers[subjects.HEADER_SAMPLES]) for one in found) == expected.total()


async def test_series_are_taken_over_in_the_middle_of_a_window_without_loss_or_repetition(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    prometheus = await source(prometheus_factory)
    stored = b"".join(
        series(named("m", n=str(n)), [(rig.clock.now_ms - 5_000, n), (rig.clock.now_ms, n + 1)])
        for n in range(400)
    )
    await store(prometheus.url, stored)
    rig.ha_set = (backend(prometheus.url),)
    rig.job = job()
    rig.limits = Limits(series=7, size=500_000)
    first_parts = asyncio.Event()

    async def seen(message: Msg) -> None:
        if message.headers and message.headers[subjects.HEADER_PART].startswith("5/"):
            first_parts.set()

    await rig.connection.client.subscribe(subjects.samples(SHARD), cb=seen)
    async with rig.running("a"):
        await asyncio.wait_for(first_parts.wait(), 10)
    left = await messages(rig.connection)
    async with rig.running("b") as other:
        await rig.collected(other, rig.clock.now_ms)

    found = await messages(rig.connection)
    part, parts = left[-1].headers[subjects.HEADER_PART].split("/")
    assert int(part) < int(parts) == 58
    assert found[: len(left)] == left
    assert points(requests(found)) == points(with_labels(stored, cluster="eu1", replica="a"))
    assert {one.headers[subjects.HEADER_AFTER] for one in found} == {"0"}
    assert [one.headers[subjects.HEADER_PART].split("/")[0] for one in found] == [
        str(n + 1) for n in range(len(found))
    ]
    assert found[-1].headers[subjects.HEADER_PART] == f"{len(found)}/{len(found)}"
    # Two replicas may have answered such a window: nobody goes on behind its samples.
    versions = [one.headers[subjects.HEADER_VERSION] for one in found]
    assert all(versions[: len(left)])
    assert not any(versions[len(left) :])


async def test_two_instances_that_both_believe_to_own_a_shard_publish_every_sample_once(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    prometheus = await source(prometheus_factory)
    begin = rig.clock.now_ms
    stored = b"".join(
        series(named("m", n=str(n)), [(begin + k * 1_000, k) for k in range(40)]) for n in range(50)
    )
    await store(prometheus.url, stored)
    rig.ha_set = (backend(prometheus.url),)
    rig.job = job()
    rig.limits = Limits(series=3, size=500_000)
    async with rig.running("a") as first:
        await rig.collected(first, begin)
        # The lease goes to another instance behind its back, as after a long pause.
        stolen = contracts.encode(contracts.LeaseHolder(instance="b"))
        key = subjects.collector_lease(SHARD)
        await kv.put(rig.connection, subjects.LEASES, key, stolen)
        async with rig.running("b") as second:
            await eventually(lambda: second.lease.held)
            assert first.lease.held
            for now_ms in range(begin + 10_000, begin + 40_000, 10_000):
                rig.clock.now_ms = now_ms
                first.wake()
                second.wake()
                await reached(second, now_ms)
            await eventually(lambda: not first.lease.held)

    found = await messages(rig.connection)
    expected = cut(stored, begin - 10_000, begin + 30_000)
    assert points(requests(found)) == points(with_labels(expected, cluster="eu1", replica="a"))
    fenced = rig.metrics.windows.labels("fenced")._value.get()
    assert fenced >= 1


@pytest.mark.parametrize(
    ("rule", "delivered"),
    [
        pytest.param([Matcher("x", "=", "")], {"without"}, id="an absent label means absent"),
        pytest.param([Matcher("x", "=", "1")], {"with"}, id="a stored label"),
        pytest.param([Matcher("cluster", "=", "eu1")], set(), id="an external label is not stored"),
        pytest.param(
            [Matcher("cluster", "=~", "eu.*")], set(), id="nor does a regex match through it"
        ),
        pytest.param(
            [Matcher("cluster", "=", ""), Matcher("x", "!=", "")],
            {"with", "dotted"},
            id="it is absent",
        ),
        pytest.param([Matcher("cluster", "!=", "eu1")], {"with", "without", "dotted"}, id="!="),
        pytest.param([Matcher("x", "=", "a.c")], {"dotted"}, id="an equality is no pattern"),
        pytest.param([], {"with", "without", "dotted"}, id="everything"),
    ],
)
async def test_permission_is_decided_on_what_is_stored(
    rig: Rig,
    prometheus_factory: Factory[Prometheus],
    rule: list[Matcher],
    delivered: set[str],
) -> None:
    prometheus = await source(prometheus_factory)
    now = rig.clock.now_ms
    await store(
        prometheus.url,
        series(named("with", x="1"), [(now, 1)])
        + series(named("without"), [(now, 1)])
        + series(named("dotted", x="a.c"), [(now, 1)])
        + series(named("abc", x="abc"), [(now, 1)]),
    )
    rig.ha_set = (
        backend(
            prometheus.url, external_labels={"cluster": "eu1"}, replica_labels={"replica": "a"}
        ),
    )
    rig.job = job([(*rule, Matcher("__name__", "!=", "abc"))])

    async with rig.running() as loop:
        await rig.collected(loop, now)

    found = points(requests(await messages(rig.connection)))
    assert {dict(labels)["__name__"] for labels, _ in found} == delivered


async def test_nameless_series_are_part_of_everything(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    prometheus = await source(prometheus_factory)
    await store(prometheus.url, series({"only": "label"}, [(rig.clock.now_ms, 1)]))
    rig.ha_set = (backend(prometheus.url),)
    rig.job = job([()])

    async with rig.running() as loop:
        await rig.collected(loop, rig.clock.now_ms)

    found = [dict(labels) for labels, _ in points(requests(await messages(rig.connection)))]
    # From 3.0 on it does not store what has no name.
    nameless = {"only": "label", "cluster": "eu1", "replica": "a"}
    assert found == ([nameless] if major_version() < 3 else [])


async def test_a_series_keeps_its_identity_when_the_other_replica_answers(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    a, b = await source(prometheus_factory, "a"), await source(prometheus_factory, "b")
    begin = rig.clock.now_ms
    # A series that has a label named like the replica label of its own keeps it.
    own = {"__name__": "own", "replica": "mine"}
    for server, offset in ((a, 0), (b, -3)):
        samples = [(begin + k * 5_000 + offset, k) for k in range(8)]
        await store(server.url, series(named("m"), samples) + series(own, samples))
    rig.ha_set = (
        backend(a.url, "a", external_labels={"cluster": "eu1"}, replica_labels={"replica": "a"}),
        backend(b.url, "b", external_labels={"cluster": "eu1"}, replica_labels={"replica": "b"}),
    )
    rig.job = job()

    async with rig.running() as loop:
        await rig.collected(loop, begin)
        before = points(requests(await messages(rig.connection)))
        answered = {(one.url, offset) for one, offset in ((a, 0), (b, -3)) if uses(before, offset)}
        [(url, _)] = answered
        await (a if url == a.url else b).kill()
        await rig.collected(loop, begin + 10_000)
        await rig.collected(loop, begin + 20_000)

    after = points(requests(await messages(rig.connection))) - before
    identities = {
        frozenset({"__name__": "m", "cluster": "eu1"}.items()),
        frozenset({**own, "cluster": "eu1"}.items()),
    }
    assert {labels for labels, _ in before} == identities == {labels for labels, _ in after}
    offset = -3 if url == a.url else 0
    # Sticky: windows of the survivor only, all of them.
    assert {stamp(data) for _, data in after} == {
        begin + k * 5_000 + offset
        for k in range(-2, 8)
        if begin < begin + k * 5_000 + offset <= begin + 20_000
    }
    assert rig.metrics.switches._value.get() == 1


async def test_what_a_source_held_while_it_was_away_is_made_up(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    prometheus = await source(prometheus_factory)
    begin = rig.clock.now_ms
    stored = series(named("m"), [(begin + k * 1_000, k) for k in range(301)])
    await store(prometheus.url, stored)
    rig.ha_set = (backend(prometheus.url),)
    rig.job = job()
    rig.slice_ms = 60_000
    async with rig.running() as loop:
        await rig.collected(loop, begin)
        await prometheus.kill()
        rig.clock.now_ms = begin + 200_000
        loop.wake()
        await eventually(lambda: loop.progress.progress.last_error != "")
        error = loop.progress.progress.last_error
        await prometheus.start()
        await rig.collected(loop, begin + 300_000)

        progress = loop.progress.progress
    found = await messages(rig.connection)
    assert points(requests(found)) == points(with_labels(stored, cluster="eu1", replica="a"))
    windows = [one.headers[subjects.HEADER_WINDOW].split("-") for one in found]
    assert all(int(end) - int(start) <= 60_000 for start, end in windows)
    assert error.startswith("a: ")
    assert (progress.last_error, progress.late, progress.samples) == ("", 0, 301)


async def test_a_gap_that_is_older_than_lookback_is_reported_and_the_rest_made_up(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    prometheus = await source(prometheus_factory)
    begin = rig.clock.now_ms
    await store(
        prometheus.url, series(named("m"), [(begin + k * 1_000, 1) for k in range(-9, 301)])
    )
    rig.ha_set = (backend(prometheus.url),)
    rig.job = job(lookback_ms=100_000)
    async with rig.running() as loop:
        await rig.collected(loop, begin)
        await rig.collected(loop, begin + 300_000)
        progress = loop.progress.progress

    stamps = [stamp(data) for _, data in points(requests(await messages(rig.connection)))]
    assert sorted(stamps) == [
        *range(begin - 9_000, begin + 1, 1_000),
        *range(begin + 201_000, begin + 300_001, 1_000),
    ]
    assert progress.late == 200
    assert progress.last_error == "200 s of samples are older than lookback and were not made up"


async def test_an_answer_that_is_too_large_is_asked_for_in_shorter_windows(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    prometheus = await source(prometheus_factory)
    begin = rig.clock.now_ms
    stored = b"".join(
        series(named("m", n=str(n)), [(begin + k * 100, k + 1) for k in range(301)])
        for n in range(20)
    )
    await store(prometheus.url, stored)
    rig.ha_set = (backend(prometheus.url),)
    rig.job = job()
    rig.max_bytes = 20_000

    async with rig.running() as loop:
        await rig.collected(loop, begin)
        await rig.collected(loop, begin + 30_000)

    found = await messages(rig.connection)
    assert points(requests(found)) == points(with_labels(stored, cluster="eu1", replica="a"))
    assert len({one.headers[subjects.HEADER_WINDOW] for one in found}) > 4
    assert rig.metrics.windows.labels("too_large")._value.get() > 0


async def test_job_without_rules_publishes_nothing(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    prometheus = await source(prometheus_factory)
    await store(prometheus.url, series(named("m"), [(rig.clock.now_ms, 1)]))
    rig.ha_set = (backend(prometheus.url),)
    rig.job = job([])

    async with rig.running() as loop:
        await rig.collected(loop, rig.clock.now_ms)

    assert await messages(rig.connection) == []


def with_labels(request: bytes, **labels: str) -> bytes:
    """Return the request with `labels` added to each series."""
    return b"".join(
        remote_write.time_series(
            remote_write.encode_labels({**labels, **remote_write.series_labels(request, span)}),
            request[remote_write.labels_end(request, span.start, span.end) : span.end],
        )
        for span in remote_write.series(request)
    )


def cut(request: bytes, after: int, until: int) -> bytes:
    """Return the request with the samples of one window only."""
    return b"".join(
        remote_write.time_series(
            request[span.start : (begin := remote_write.labels_end(request, span.start, span.end))],
            remote_write.cut(request, begin, span.end, after=after, until=until),
        )
        for span in remote_write.series(request)
    )


def stamp(data: bytes) -> int:
    """Return the timestamp of one sample."""
    [(_, found)] = remote_write.timestamps(data, 0, len(data))
    return found


def uses(found: Counter[Point], offset: int) -> bool:
    """Return whether samples were scraped `offset` ms beside the full second."""
    return any(stamp(data) % 1000 == offset % 1000 for _, data in found)

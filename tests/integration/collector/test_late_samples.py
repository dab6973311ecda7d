"""What a source stores after its window was read is delivered once, in order, or counted."""

import pytest

from collector.testing import Rig, backend, job, messages, series, stamps, store
from tenantry_local.prometheus import Prometheus
from tenantry_local.testing import Factory


def samples(n: str, *times: int) -> bytes:
    return series({"__name__": "m", "n": n}, [(time, 1) for time in times])


async def source(prometheus_factory: Factory[Prometheus], replica: str = "a") -> Prometheus:
    return await prometheus_factory(
        external_labels={"cluster": "eu1", "replica": replica}, out_of_order_window="1h"
    )


@pytest.mark.parametrize(
    ("restarted", "refused"),
    [
        pytest.param(False, 1, id="by the instance that read the window"),
        pytest.param(True, 0, id="by another one, which reads the stream back"),
    ],
)
async def test_late_samples_that_are_newer_than_what_is_sent_are_sent_with_the_next_window(
    rig: Rig, prometheus_factory: Factory[Prometheus], restarted: bool, refused: int
) -> None:
    prometheus = await source(prometheus_factory)
    begin = rig.clock.now_ms
    rig.ha_set = (backend(prometheus.url),)
    rig.job = job()
    on_time = samples("a", begin - 8_000, begin - 5_000) + samples("b", begin - 8_000)
    late = (
        samples("a", begin - 6_000)  # older than what is sent
        + samples("b", begin - 7_000, begin)
        + samples("c", begin - 9_999, begin - 9_000)
        + samples("d", begin - 10_000)  # of the window before the last one
    )
    following = samples("a", begin + 1) + samples("b", begin + 10_000)
    await store(prometheus.url, on_time)

    async with rig.running("one") as loop:
        await rig.collected(loop, begin)
        if not restarted:
            await store(prometheus.url, late + following)
            await rig.collected(loop, begin + 10_000)
            assert loop.progress.progress.late == refused
    if restarted:
        await store(prometheus.url, late + following)
    async with rig.running("two") as loop:
        await rig.collected(loop, begin + 10_000)
        await rig.collected(loop, begin + 20_000)

    assert stamps(await messages(rig.connection)) == {
        "a": [begin - 8_000, begin - 5_000, begin + 1],
        "b": [begin - 8_000, begin - 7_000, begin, begin + 10_000],
        "c": [begin - 9_999, begin - 9_000],
    }
    assert rig.metrics.late.labels("delivered")._value.get() == 4
    assert rig.metrics.late.labels("refused")._value.get() == refused


async def test_after_a_change_of_the_job_only_the_window_is_read(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    prometheus = await source(prometheus_factory)
    begin = rig.clock.now_ms
    rig.ha_set = (backend(prometheus.url),)
    rig.job = job()
    await store(prometheus.url, samples("a", begin))
    async with rig.running() as loop:
        await rig.collected(loop, begin)
        await store(prometheus.url, samples("b", begin) + samples("a", begin + 1))
        # What was sent was sent under other labels: nobody can tell what is missing under these.
        rig.job = job(digest="2", extra_labels={"more": "1"})
        await rig.collected(loop, begin + 10_000)

    assert stamps(await messages(rig.connection)) == {"a": [begin, begin + 1]}


async def test_replica_with_a_hole_is_left_for_the_fuller_one_at_the_edge_of_a_window(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    servers = {name: await source(prometheus_factory, name) for name in ("a", "b")}
    begin = rig.clock.now_ms
    rig.ha_set = tuple(
        backend(
            server.url, name, external_labels={"cluster": "eu1"}, replica_labels={"replica": name}
        )
        for name, server in servers.items()
    )
    rig.job = job()
    # Each scrapes at moments of its own; which one is asked first is a matter of its name.
    scrapes = {
        name: [begin + k * 1_000 + offset for k in range(-9, 30)]
        for name, offset in (("a", 0), ("b", -300))
    }
    for name, server in servers.items():
        times = [time for time in scrapes[name] if time <= begin]
        await store(server.url, b"".join(samples(str(n), *times) for n in range(5)))
    async with rig.running() as loop:
        await rig.collected(loop, begin)
        first = stamps(await messages(rig.connection))["0"][-1]
        holed, whole = ("a", "b") if first == begin else ("b", "a")
        for name, server in servers.items():
            times = [time for time in scrapes[name] if begin < time]
            if name == holed:
                times = [time for time in times if time <= begin + 5_000 or begin + 9_000 < time]
            await store(server.url, b"".join(samples(str(n), *times) for n in range(5)))
        await rig.collected(loop, begin + 10_000)
        await rig.collected(loop, begin + 20_000)

    wanted = [time for time in scrapes[holed] if time <= begin]
    wanted += [time for time in scrapes[whole] if begin < time <= begin + 20_000]
    assert stamps(await messages(rig.connection)) == {str(n): wanted for n in range(5)}
    assert rig.metrics.holes.labels(holed)._value.get() == 1
    assert rig.metrics.switches._value.get() == 1

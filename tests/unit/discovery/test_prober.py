"""Targets are probed at once when they appear, then at the interval, and forgotten when they go."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

from discovery import target
from discovery.observation import Observation
from discovery.prober import Prober
from discovery.target import Target


def at(address: str, **labels: str) -> dict[str, Target]:
    made = target.make(address, labels, "t.yaml")
    assert isinstance(made, Target)
    return {made.id: made}


def told(version: str) -> Observation:
    return Observation(version=version, external_labels={}, features=frozenset())


class Asked:
    """A probe that answers at once, or when the test lets it, with the number of the question."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.hold: dict[str, asyncio.Event] = {}
        self.answered = asyncio.Event()

    async def __call__(self, asked: Target) -> Observation:
        self.urls.append(asked.url)
        number = len(self.urls)
        if asked.id in self.hold:
            await self.hold[asked.id].wait()
        return told(str(number))

    async def until(self, prober: Prober, expected: dict[str, Observation]) -> None:
        async with asyncio.timeout(5):
            while prober.observations != expected:
                await self.answered.wait()
                self.answered.clear()


@contextlib.asynccontextmanager
async def probing(asked: Asked, interval: float) -> AsyncIterator[Prober]:
    prober = Prober(asked, interval, asked.answered.set, now=lambda: 1700000000.0)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(prober.run())
        yield prober
        task.cancel()


async def test_a_new_target_is_probed_at_once() -> None:
    asked = Asked()
    async with probing(asked, interval=3600) as prober:
        prober.track(at("a:1"))
        await asked.until(prober, {"a:1": told("1")})
        prober.track(at("a:1") | at("b:1"))
        await asked.until(prober, {"a:1": told("1"), "b:1": told("2")})

        assert asked.urls == ["http://a:1", "http://b:1"]


async def test_targets_are_probed_again_at_the_interval() -> None:
    asked = Asked()
    async with probing(asked, interval=0.05) as prober:
        prober.track(at("a:1"))

        await asked.until(prober, {"a:1": told("3")})


async def test_a_target_that_is_gone_is_forgotten() -> None:
    asked = Asked()
    async with probing(asked, interval=3600) as prober:
        prober.track(at("a:1"))
        await asked.until(prober, {"a:1": told("1")})
        prober.track({})

        assert prober.observations == {}


async def test_a_target_that_moved_is_a_new_one() -> None:
    asked = Asked()
    async with probing(asked, interval=3600) as prober:
        prober.track(at("a:1"))
        await asked.until(prober, {"a:1": told("1")})
        prober.track(at("a:1", __scheme__="https"))
        await asked.until(prober, {"a:1": told("2")})

        assert asked.urls == ["http://a:1", "https://a:1"]


async def test_a_slow_target_keeps_nobody_waiting_and_may_go_meanwhile() -> None:
    asked = Asked()
    asked.hold["slow:1"] = asyncio.Event()
    async with probing(asked, interval=0.05) as prober:
        prober.track(at("slow:1") | at("a:1"))
        await asked.until(prober, {"a:1": told("2")})
        prober.track(at("a:1"))
        asked.hold["slow:1"].set()
        await asked.until(prober, {"a:1": told("3")})


async def test_a_target_that_is_not_ready_is_asked_as_soon_as_it_is() -> None:
    asked = Asked()
    starting = {"a:1": replace(at("a:1")["a:1"], unready="the pod is not ready")}
    async with probing(asked, interval=3600) as prober:
        prober.track(at("a:1"))
        await asked.until(prober, {"a:1": told("1")})
        prober.track(starting)
        assert prober.observations == {}
        prober.track(starting | at("b:1"))
        await asked.until(prober, {"b:1": told("2")})
        prober.track(at("a:1") | at("b:1"))
        await asked.until(prober, {"a:1": told("3"), "b:1": told("2")})


async def test_other_credentials_make_it_another_one() -> None:
    asked = Asked()
    async with probing(asked, interval=3600) as prober:
        prober.track(at("a:1"))
        await asked.until(prober, {"a:1": told("1")})
        prober.track(at("a:1", __access__="infra"))
        await asked.until(prober, {"a:1": told("2")})


async def test_when_a_target_was_last_ready_is_remembered_while_it_is_listed() -> None:
    asked = Asked()
    async with probing(asked, interval=3600) as prober:
        prober.track(at("a:1"))
        await asked.until(prober, {"a:1": told("1")})
        assert prober.seen == {"a:1": 1700000000.0}
        prober.track({})

        assert prober.seen == {}

"""A gateway with a cache and one without never differ, whatever changes between requests."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from tests.unit.query_gateway import changing
from tests.unit.query_gateway.changing import Data, Estate, Event

from query_gateway import config

CACHE = config.Cache()


@given(changing.EVENTS)
@settings(max_examples=40, deadline=None)
def test_answers_with_and_without_a_cache_are_equal(events: Sequence[Event]) -> None:
    async def run() -> None:
        estate = Estate({"one": Data(1), "two": Data(2)})
        fakes = estate.backends()
        async with changing.gateways(estate, fakes, (None, CACHE)) as harnesses:
            await changing.play(estate, fakes, harnesses, events)

    asyncio.run(run())


ASK: Event = ("ask", {"tenant": "shop", "steps": 100, "step": 15, "back": 0})
KEPT_FOR = int(CACHE.keep_seconds)


@pytest.mark.parametrize("waited", [0, KEPT_FOR - 60])
async def test_what_is_backfilled_is_not_seen_before_kept_steps_are_asked_for_again(
    waited: int,
) -> None:
    estate = Estate({"one": Data(1)})
    fakes = estate.backends()
    step = changing.START - 1_000
    asked: Event = ("ask", {**ASK[1], "back": waited // 15})
    async with changing.gateways(estate, fakes, (CACHE,)) as cached:
        await changing.play(estate, fakes, cached, [ASK])
        estate.data["one"].backfilled["a", 0, step // changing.SCRAPE] = "late"
        estate.now += waited
        async with changing.gateways(estate, fakes, (None, config.Cache())) as others:
            with pytest.raises(AssertionError):
                await changing.play(estate, fakes, [others[0], *cached], [asked])
            estate.now += KEPT_FOR
            asked = ("ask", {**ASK[1], "back": (waited + KEPT_FOR) // 15})
            assert await changing.play(estate, fakes, [*others, *cached], [asked]) == 1

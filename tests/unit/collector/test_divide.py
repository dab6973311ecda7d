"""A window that is too large comes in parts by metric name that together are the window."""

from collections.abc import Sequence

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from collector import selection
from collector.divide import Divided
from collector.metrics import Metrics
from collector.pull import Answer, Failed, Outcome, Puller, TooLarge
from collector.schedule import Window
from collector.selection import Names
from collector.testing import backend
from tenantry_common.contracts import Matcher
from tenantry_common.remote_read import Query

WINDOW = Window(1_700_000_000_000, 1_700_000_030_000)
RULES = selection.rule_set(((Matcher("x", "=", "1"),),))


class Source(Puller):
    """Holds so many bytes under each name, answers them as text, and refuses more than 100."""

    def __init__(self, session: aiohttp.ClientSession, sizes: dict[str, int]) -> None:
        super().__init__(session, timeout=1, max_bytes=100, per_source=1)
        self.sizes = sizes
        self.asked = 0
        self.names_asked = 0
        self.broken_at = -1
        self.names: frozenset[str] | Failed = frozenset(sizes)

    async def read(self, _: object, queries: Sequence[Query]) -> Outcome:
        self.asked += 1
        if self.asked == self.broken_at:
            return Failed("broken")
        rules = selection.rule_set(tuple(query.matchers[1:] for query in queries))
        found = [name for name in self.sizes if rules.matches({"__name__": name})]
        size = sum(self.sizes[name] for name in found)
        if size > 100:
            return TooLarge("too large", size)
        return Answer("".join(f"{name:*<{self.sizes[name]}}" for name in found).encode())

    async def metric_names(self, *_: object) -> frozenset[str] | Failed:
        self.names_asked += 1
        return self.names


async def read(divided: Divided, *, by_name: bool = True) -> list[Outcome]:
    found = divided.read(backend("http://a"), RULES, WINDOW, by_name=by_name)
    return [outcome async for outcome in found]


def divided(sizes: dict[str, int], session: aiohttp.ClientSession) -> tuple[Source, Divided]:
    source = Source(session, sizes)
    return source, Divided(source, Metrics(CollectorRegistry()).fetch_seconds)


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param({"a": 90}, id="it fits"),
        pytest.param({f"n{n}": 30 for n in range(20)}, id="equal names"),
        pytest.param({"big": 99, "large": 98, **{f"n{n}": 1 for n in range(90)}}, id="unequal"),
        pytest.param({"": 60, "a": 60}, id="series without a name"),
        pytest.param({"a.b": 60, "aab": 60, "a|b": 60}, id="names are no patterns"),
    ],
)
async def test_parts_are_together_the_window_and_none_comes_twice(sizes: dict[str, int]) -> None:
    async with aiohttp.ClientSession() as session:
        source, work = divided(sizes, session)
        first = await read(work)
        asked = source.asked
        second = await read(work)

    text = b"".join(outcome.data for outcome in first if isinstance(outcome, Answer)).decode()
    assert sorted(text) == sorted("".join(f"{name:*<{size}}" for name, size in sizes.items()))
    assert all(isinstance(outcome, Answer) for outcome in first)
    # The division is remembered.
    assert second == first
    assert source.asked - asked == len(second)


async def test_new_names_fall_to_the_last_part_which_is_divided_again() -> None:
    async with aiohttp.ClientSession() as session:
        source, work = divided({f"n{n}": 30 for n in range(10)}, session)
        await read(work)
        source.sizes |= {f"new{n}": 40 for n in range(4)}
        source.names = frozenset(source.sizes)
        found = await read(work)

    assert sum(len(one.data) for one in found if isinstance(one, Answer)) == 460


async def test_window_that_fits_again_is_asked_for_at_once() -> None:
    async with aiohttp.ClientSession() as session:
        source, work = divided({f"n{n}": 30 for n in range(10)}, session)
        await read(work)
        source.sizes = {"n1": 30}
        await read(work)
        found = await read(work)

    assert found == [Answer(f"{'n1':*<30}".encode())]


async def test_longer_windows_are_not_divided() -> None:
    async with aiohttp.ClientSession() as session:
        _, work = divided({"a": 90, "b": 90}, session)
        found = await read(work, by_name=False)

    assert found == [TooLarge("too large", 180)]


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        pytest.param(frozenset({"a"}), "too large, and it is one metric name", id="one name"),
        pytest.param(Failed("no names"), "too large, and no names", id="names are not told"),
    ],
)
async def test_what_cannot_be_divided_is_too_large(
    names: frozenset[str] | Failed, reason: str
) -> None:
    async with aiohttp.ClientSession() as session:
        source, work = divided({"a": 101}, session)
        source.names = names
        found = await read(work)

    assert found[-1] == TooLarge(reason, 101)


async def test_failure_ends_the_window_and_leaves_the_division() -> None:
    async with aiohttp.ClientSession() as session:
        source, work = divided({f"n{n}": 30 for n in range(10)}, session)
        whole = await read(work)
        source.broken_at = source.asked + 2
        broken = await read(work)
        again = await read(work)

    assert broken == [whole[0], Failed("broken")]
    assert again == whole


def test_parts_of_names_are_even_and_complete() -> None:
    known = ["a", "b", "c", "d", ""]

    assert selection.ALL.parted(known, 2) == (
        Names(("a", "b"), others=False),
        Names(("c", "d"), others=False),
        Names(("a", "b", "c", "d"), others=True),
    )
    assert Names(("a", "b"), others=False).parted(known, 3) == (
        Names(("a",), others=False),
        Names(("b",), others=False),
    )
    assert Names(("a", "b"), others=True).parted(known, 1) == (
        Names(("c", "d"), others=False),
        Names(("a", "b", "c", "d"), others=True),
    )

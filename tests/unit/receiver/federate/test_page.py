"""A page has what was asked for, each series once, those of a family together."""

import itertools
from collections.abc import Collection, Sequence

import pytest

from receiver.federate import page
from receiver.federate.newest import Newest
from receiver.federate.selection import Scope, Selection, Shard
from receiver.federate.testing import block, metric
from receiver.federate.text import OpenMetrics, Text
from tenantry_common import subjects
from tenantry_common.subjects import JobRef

NOW = 1_000.0
SOURCES = [("a", "team"), ("b", "team"), ("c", "other")]


@pytest.fixture
def newest() -> Newest:
    """Three clusters of two tenants with the same metrics."""
    found = Newest()
    for number, (cluster, tenant) in enumerate(SOURCES):
        subject = subjects.latest(JobRef(tenant, "edge"), cluster)
        series = (
            (metric("up", _id=cluster, job="x"), number, 7),
            (metric("up", _id=cluster, job="y"), number, 7),
            (metric("h_sum", _id=cluster), number, 7),
            (metric("h_bucket", _id=cluster, le="1"), number, 7),
        )
        types = {"up": "gauge", "h": "histogram"}
        found.apply(subjects.parse_latest(subject), block(*series, types=types), NOW + 600)
    return found


async def lines(
    newest: Newest,
    selectors: Sequence[str] = (),
    shard: str = "",
    tenants: Collection[str] | None = None,
) -> list[str]:
    asked = page.Asked(Selection(selectors), Shard(shard), Scope(tenants))
    pieces = await page.page(newest, Text(utf8=False), asked, NOW)
    return b"".join(pieces).decode().splitlines()


async def test_families_stand_together_with_one_type(newest: Newest) -> None:
    assert await lines(newest) == [
        "# TYPE h histogram",
        *(f'h_bucket{{_id="{c}",le="1"}} {n}.0 7' for n, (c, _) in enumerate(SOURCES)),
        *(f'h_sum{{_id="{c}"}} {n}.0 7' for n, (c, _) in enumerate(SOURCES)),
        "# TYPE up gauge",
        *(
            f'up{{_id="{c}",job="{job}"}} {n}.0 7'
            for n, (c, _) in enumerate(SOURCES)
            for job in "xy"
        ),
    ]


async def test_a_name_selects_within_a_family(newest: Newest) -> None:
    assert [line[:5] for line in await lines(newest, ["h_sum"])] == ["# TYP", *["h_sum"] * 3]


async def test_labels_select_series(newest: Newest) -> None:
    found = await lines(newest, ['up{job="x",_id=~"a|c"}', "h_sum"])

    assert [line for line in found if "#" not in line] == [
        *(f'h_sum{{_id="{c}"}} {n}.0 7' for n, (c, _) in enumerate(SOURCES)),
        'up{_id="a",job="x"} 0.0 7',
        'up{_id="c",job="x"} 2.0 7',
    ]


async def test_shards_are_of_whole_sources_and_complete(newest: Newest) -> None:
    parts = [await lines(newest, shard=f"{number}/3") for number in (1, 2, 3)]
    samples = [[line for line in part if "#" not in line] for part in parts]
    whole = [line for line in await lines(newest) if "#" not in line]

    assert sorted(itertools.chain(*samples)) == sorted(whole)
    assert all(len(part) % 4 == 0 for part in samples)


async def test_other_tenants_are_withheld_whatever_is_selected(newest: Newest) -> None:
    for selectors in ([], ["up"], ['{_id=~".+"}'], ['up{_id="c"}']):
        found = await lines(newest, selectors, tenants=["team"])
        assert not any('_id="c"' in line for line in found)
    assert await lines(newest, tenants=[]) == []


async def test_an_open_metrics_page_of_nothing_has_its_end(newest: Newest) -> None:
    asked = page.Asked(Selection(["none"]), Shard(), Scope(None))

    assert b"".join(await page.page(newest, OpenMetrics(utf8=False), asked, NOW)) == b"# EOF\n"


def test_blocks_are_bounded_and_lose_nothing() -> None:
    pieces = [bytes([n % 256]) * 300_000 for n in range(20)]

    found = list(page.blocks(pieces))

    assert b"".join(found) == b"".join(pieces)
    assert all(len(block) < 1_500_000 for block in found)

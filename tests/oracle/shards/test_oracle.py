"""The quick form of the oracle of shards: a gateway, two shards, a few rule sets, every hand-written query."""

from pathlib import Path

import pytest
from tests.oracle.promql.campaign import Campaign
from tests.oracle.promql.plan import Plan
from tests.oracle.shards.estate import Way, sharded


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("way", "comparisons"), [("gateway", 1_500), ("library", 1_000)])
async def test_shards_together_answer_as_one_server_or_refuse(
    tmp_path: Path, way: Way, comparisons: int
) -> None:
    plan = Plan(seed=21, generated=200, moments=1)
    async with sharded(tmp_path, 2, way=way) as running:
        campaign = Campaign(plan, running.whole, running.through)

        await campaign.run(comparisons)

    assert campaign.wrong == []
    assert campaign.tally.total() >= comparisons
    assert campaign.tally.refused_part() < 0.05, campaign.tally.reasons()

"""The quick form of the oracle of shards: two shards, a few rule sets, every hand-written query once."""

from pathlib import Path

import pytest
from tests.oracle.promql.campaign import Campaign
from tests.oracle.promql.plan import Plan
from tests.oracle.shards.estate import sharded

_COMPARISONS = 2_000


@pytest.mark.timeout(240)
async def test_shards_together_answer_as_one_server_or_refuse(tmp_path: Path) -> None:
    plan = Plan(seed=21, generated=200, moments=1)
    async with sharded(tmp_path, 2) as running:
        campaign = Campaign(plan, running.whole, running.through)

        await campaign.run(_COMPARISONS)

    assert campaign.wrong == []
    assert campaign.tally.total() >= _COMPARISONS
    assert campaign.tally.refused_part() < 0.05, campaign.tally.reasons()

"""The quick form of the oracle: a few rule sets, every hand-written query once, some from the grammar."""

from pathlib import Path

import pytest
from tests.oracle.promql import servers
from tests.oracle.promql.campaign import Campaign
from tests.oracle.promql.client import Client
from tests.oracle.promql.estate import estate
from tests.oracle.promql.plan import Plan
from tests.oracle.promql.through import Library

_COMPARISONS = 4_500


@pytest.mark.timeout(240)
async def test_answers_are_those_of_a_server_with_the_permitted_series_only(tmp_path: Path) -> None:
    plan = Plan(seed=20, generated=400, moments=1)
    async with estate(tmp_path) as running:
        backend = await servers.backend(running.everything, running.http)
        everything = Client(running.http, running.everything.url, {})
        campaign = Campaign(plan, running, Library(everything, servers.upstream(backend)))

        await campaign.run(_COMPARISONS)

    assert campaign.wrong == []
    assert campaign.tally.is_good(), campaign.tally.reasons()
    assert campaign.tally.total() >= _COMPARISONS

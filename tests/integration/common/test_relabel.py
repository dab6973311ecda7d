"""Relabelling compared with a real Prometheus that scrapes with the same rules.

The long form of this test is `make oracle-relabel`.
"""

from tests.oracle.relabel import compare, vocabulary

from tenantry_common import relabel
from tenantry_local.prometheus import Prometheus
from tenantry_local.testing import Factory

CASES = range(60)
LABEL_SETS = 12


async def test_relabelling_equals_prometheus(prometheus_factory: Factory[Prometheus]) -> None:
    async with compare.targets(LABEL_SETS) as address:
        prometheus = await prometheus_factory(
            scrape_interval="1s", scrape_configs=compare.scrape_configs(CASES, address)
        )
        verdict = await compare.compare(prometheus.url, CASES, LABEL_SETS, address)

    assert verdict == (len(CASES) * LABEL_SETS, 0, ())
    drawn = {rule.action for case in CASES for rule in vocabulary.rules_of(case)}
    assert drawn == set(relabel.ACTIONS)

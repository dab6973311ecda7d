"""What a person is told of the running clusters."""

from pathlib import Path

from tenantry_cli.demo_push import run
from tenantry_cli.demo_push.estate import Estate, Ports


def test_the_guide_names_what_can_be_looked_at() -> None:
    estate = Estate(Path("/run"), Ports())

    told = run.guide(estate)

    assert all(url in told for url in (estate.source_url, estate.centre_url, *estate.federate_urls))
    assert estate.credential not in told

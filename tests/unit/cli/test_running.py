"""What people are told of a running estate is true of it."""

import dataclasses
from pathlib import Path

from tenantry_cli import running
from tenantry_cli.estate import Estate
from tenantry_cli.ports import Ports


def test_the_guide_names_every_address_a_person_needs() -> None:
    estate = Estate(Path("/run"), Ports())
    text = running.guide(estate)
    shown = {"gateway", "nats", "nats_monitor", "infra_a", "infra_b", "tenant_0", "tenant_1"}

    missing = [
        name
        for name, port in dataclasses.asdict(estate.ports).items()
        if name in shown and f":{port}" not in text
    ]

    assert (missing, "/run/manifests" in text) == ([], True)

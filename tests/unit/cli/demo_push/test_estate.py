"""The two clusters of the demo are described in words that their parts understand."""

from pathlib import Path

import pytest
import yaml

from receiver.config import Config
from tenant_controller.validate import validate
from tenantry_cli import edge_config, edge_plan
from tenantry_cli.demo_push.estate import Estate, Ports
from tenantry_common import config


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    prepared = Estate(tmp_path / "run", Ports.free())
    prepared.prepare()
    return prepared


def test_the_edges_file_is_one(estate: Estate) -> None:
    edge = edge_config.load(estate.run_dir / "config" / "edge.yaml")

    assert edge_plan.problems(edge) == ()
    assert edge.upstream.url == estate.push_url


def test_the_manifest_is_valid(estate: Estate) -> None:
    manifest = yaml.safe_load((estate.run_dir / "manifests" / "pushed.yaml").read_text())

    assert [p for p in validate(manifest).problems if p.severity == "error"] == []


def test_receivers_share_keys_and_no_port(estate: Estate) -> None:
    names = [child.name for child in estate.central()]
    settings = [
        config.load(Config, estate.run_dir / "config" / f"{name}.yaml", env={})
        for name in names[:2]
    ]

    assert names == ["receiver-0", "receiver-1", "controller", "writer"]
    assert settings[0].auth == settings[1].auth
    assert {one.listen.port for one in settings} == set(estate.receiver_ports)


def test_nobody_prints_the_credential(estate: Estate) -> None:
    assert estate.credential not in repr(estate)
    assert estate.scraper not in repr(estate)

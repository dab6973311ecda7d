"""What an edge's processes read is written below its data folder."""

import json
from pathlib import Path

import msgspec
import yaml

from tenantry_cli import edge_run
from tenantry_cli.edge_config import Edge


def edge(folder: Path) -> Edge:
    (folder / "token").write_text("old")
    return msgspec.convert(
        {
            "sources": {"static": ["http://prometheus:9090"]},
            "match": ["up"],
            "upstream": {
                "type": "remote_write",
                "url": "http://push/api/v1/write",
                "credential_file": str(folder / "token"),
            },
            "data_dir": str(folder / "data"),
        },
        Edge,
    )


def test_everything_is_below_the_data_folder(tmp_path: Path) -> None:
    children = edge_run.prepare(edge(tmp_path))

    root = tmp_path / "data"
    assert root.stat().st_mode & 0o777 == 0o700
    assert [child.name for child in (*children.first, children.collector)] == [
        "discovery",
        "tenant_controller",
        "writer",
        "collector",
    ]
    assert json.loads((root / "targets/static.json").read_text())[0]["targets"] == [
        "prometheus:9090"
    ]
    assert yaml.safe_load((root / "manifests/push.yaml").read_text())["kind"] == "MetricAccess"
    collector = yaml.safe_load((root / "config/collector.yaml").read_text())
    assert collector["nats"]["servers"] == [children.nats.url]
    assert collector["nats"]["samples_max_age_seconds"] == 86_400


def test_secrets_are_read_where_they_are_and_can_be_set_up_again(tmp_path: Path) -> None:
    wanted = edge(tmp_path)
    edge_run.prepare(wanted)
    secret = tmp_path / "data/secrets/edge/upstream/token"

    before = secret.read_text()
    (tmp_path / "token").write_text("new")
    edge_run.prepare(wanted)

    assert (before, secret.read_text()) == ("old", "new")

"""The estate's description: an HA pair, configurations that the services can read."""

from pathlib import Path

import yaml

from tenantry_cli.estate import Estate
from tenantry_cli.ports import Ports


def prepared(tmp_path: Path) -> Estate:
    source = tmp_path / "examples"
    source.mkdir()
    (source / "a.yaml").write_text("kind: MetricAccess\n")
    estate = Estate(tmp_path / "run", Ports())
    estate.prepare(source)
    return estate


def test_manifests_are_copied_so_that_they_can_be_edited(tmp_path: Path) -> None:
    estate = prepared(tmp_path)
    (estate.manifests / "a.yaml").write_text("edited")

    assert (tmp_path / "examples" / "a.yaml").read_text() == "kind: MetricAccess\n"


def test_the_pair_differs_in_the_replica_label_only(tmp_path: Path) -> None:
    estate = prepared(tmp_path)
    _, *pair = estate.sources()
    labels = []
    for server in pair:
        server.directory.mkdir(parents=True, exist_ok=True)
        server.write_config()
        config = yaml.safe_load((server.directory / "prometheus.yml").read_text())
        labels.append(config["global"]["external_labels"])

    assert labels == [
        {"cluster": "demo", "prometheus_replica": "a"},
        {"cluster": "demo", "prometheus_replica": "b"},
    ]


def test_every_service_has_a_configuration_of_its_own(tmp_path: Path) -> None:
    estate = prepared(tmp_path)
    names = [service.name for service in estate.services()]
    instances = [
        yaml.safe_load((estate.run_dir / "config" / f"{name}.yaml").read_text())["instance"]
        for name in names
    ]

    assert instances == names
    assert [name for name in names if name.startswith("writer")] == ["writer-0", "writer-1"]

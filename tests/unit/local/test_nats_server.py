"""What nats-server is told."""

import json
from pathlib import Path

from tenantry_local.nats_server import NatsCluster, NatsServer


def test_configuration_of_one_server(tmp_path: Path) -> None:
    server = NatsServer(tmp_path, port=4222, monitor_port=8222, settings={"max_payload": 2048})

    server.write_config()

    assert json.loads((tmp_path / "nats-server.json").read_text()) == {
        "server_name": "nats",
        "listen": "127.0.0.1:4222",
        "http": "127.0.0.1:8222",
        "jetstream": {"store_dir": str(tmp_path / "jetstream")},
        "max_payload": 2048,
    }
    assert (server.url, server.monitor_url) == ("nats://127.0.0.1:4222", "http://127.0.0.1:8222")


def test_ports_are_chosen_where_none_is_named(tmp_path: Path) -> None:
    first, second = NatsServer(tmp_path / "1"), NatsServer(tmp_path / "2")

    assert len({first.port, first.monitor_port, second.port, second.monitor_port}) == 4


def test_members_of_a_cluster_know_the_routes_to_the_others(tmp_path: Path) -> None:
    cluster = NatsCluster(tmp_path)
    configs = []
    for server in cluster.servers:
        server.directory.mkdir()
        server.write_config()
        configs.append(json.loads((server.directory / "nats-server.json").read_text())["cluster"])

    listening = [config["listen"] for config in configs]
    assert [config["routes"] for config in configs] == [
        [f"nats-route://{other}" for other in listening if other != own] for own in listening
    ]
    assert cluster.urls == [server.url for server in cluster.servers]

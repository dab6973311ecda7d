"""What Prometheus is told."""

from pathlib import Path

import yaml

from tenantry_local.prometheus import Prometheus
from tenantry_local.server import Command, Launch


def test_configuration(tmp_path: Path, launch: Launch) -> None:
    prometheus = Prometheus(
        tmp_path,
        scrape_configs=[{"job_name": "app", "static_configs": [{"targets": ["127.0.0.1:1"]}]}],
        scrape_interval="1s",
        external_labels={"cluster": "a"},
        out_of_order_window="30m",
        settings={"rule_files": ["rules.yml"]},
        launch=launch,
    )

    prometheus.write_config()

    assert yaml.safe_load((tmp_path / "prometheus.yml").read_text()) == {
        "global": {
            "scrape_interval": "1s",
            "evaluation_interval": "1s",
            "external_labels": {"cluster": "a"},
        },
        "storage": {"tsdb": {"out_of_order_time_window": "30m"}},
        "scrape_configs": [{"job_name": "app", "static_configs": [{"targets": ["127.0.0.1:1"]}]}],
        "rule_files": ["rules.yml"],
    }


def test_command_line(tmp_path: Path, launch: Launch, commands: list[Command]) -> None:
    prometheus = Prometheus(
        tmp_path, port=9090, retention="2h", flags=["--enable-feature=x"], launch=launch
    )

    assert commands[0].arguments == (
        f"--config.file={tmp_path}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/data",
        "--storage.tsdb.retention.time=2h",
        "--web.listen-address=127.0.0.1:9090",
        "--web.enable-remote-write-receiver",
        "--web.enable-lifecycle",
        "--enable-feature=x",
    )
    assert commands[0].ports == (9090,)
    assert prometheus.remote_write_url == "http://127.0.0.1:9090/api/v1/write"

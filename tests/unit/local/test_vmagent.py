"""What vmagent is told."""

from pathlib import Path

import yaml

from tenantry_local.server import Command, Launch
from tenantry_local.vmagent import Vmagent

URLS = ("http://127.0.0.1:9090/api/v1/write", "http://127.0.0.1:9091/api/v1/write")
FEDERATE = {"job_name": "federate", "metrics_path": "/federate"}


def agent(directory: Path, launch: Launch) -> Vmagent:
    """An agent that federates and writes to two endpoints."""
    return Vmagent(
        directory,
        remote_write_urls=URLS,
        scrape_configs=[FEDERATE],
        port=8429,
        flags=["-remoteWrite.forcePromProto"],
        launch=launch,
    )


def test_command_line(tmp_path: Path, launch: Launch, commands: list[Command]) -> None:
    agent(tmp_path, launch)

    assert commands[0].arguments == (
        f"-promscrape.config={tmp_path}/scrape.yml",
        f"-remoteWrite.tmpDataPath={tmp_path}/buffer",
        f"-remoteWrite.url={URLS[0]}",
        f"-remoteWrite.url={URLS[1]}",
        "-httpListenAddr=127.0.0.1:8429",
        "-remoteWrite.forcePromProto",
    )


def test_the_scrape_configuration_is_written(tmp_path: Path, launch: Launch) -> None:
    agent(tmp_path, launch).write_config()

    written = yaml.safe_load((tmp_path / "scrape.yml").read_text())
    assert written == {"scrape_configs": [FEDERATE]}

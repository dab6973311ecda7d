"""What VictoriaMetrics is told."""

from pathlib import Path

from tenantry_local.server import Command, Launch
from tenantry_local.victoria_metrics import VictoriaMetrics


def test_command_line(tmp_path: Path, launch: Launch, commands: list[Command]) -> None:
    victoria = VictoriaMetrics(
        tmp_path, port=8428, flags=["-dedup.minScrapeInterval=1ms"], launch=launch
    )

    assert commands[0].arguments == (
        "-httpListenAddr=127.0.0.1:8428",
        f"-storageDataPath={tmp_path}/data",
        "-search.latencyOffset=0s",
        "-dedup.minScrapeInterval=1ms",
    )
    assert victoria.remote_write_url == "http://127.0.0.1:8428/api/v1/write"

"""What the Pushgateway is told."""

from pathlib import Path

from tenantry_local.pushgateway import Pushgateway
from tenantry_local.server import Command, Launch


def test_command_line(tmp_path: Path, launch: Launch, commands: list[Command]) -> None:
    pushgateway = Pushgateway(tmp_path, port=9091, launch=launch)

    assert commands[0].arguments == ("--web.listen-address=127.0.0.1:9091",)
    assert commands[0].log == tmp_path / "pushgateway.log"
    assert pushgateway.url == "http://127.0.0.1:9091"

"""`tenantry demo-push` names a port that is taken, and leaves nothing running."""

import contextlib
import socket
from pathlib import Path

from typer.testing import CliRunner

from tenantry_cli.demo_push.estate import Ports
from tenantry_cli.main import app


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    port = Ports().archive
    with socket.socket() as taken:
        with contextlib.suppress(OSError):  # somebody else has it: as good
            taken.bind(("127.0.0.1", port))
            taken.listen()
        result = CliRunner().invoke(
            app, ["demo-push", "--once", "--run-dir", str(tmp_path / "run")]
        )

    assert result.exit_code == 2
    assert f"port {port}" in result.output

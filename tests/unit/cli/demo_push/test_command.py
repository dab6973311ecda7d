"""`tenantry demo-push` names a port that is taken, and starts nothing then."""

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tenantry_cli.demo_push import command
from tenantry_cli.demo_push.estate import Ports
from tenantry_cli.main import app


def test_a_taken_port_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = Ports.free()
    monkeypatch.setattr(command, "Ports", lambda: free)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free.archive))
        taken.listen()
        result = CliRunner().invoke(
            app, ["demo-push", "--once", "--run-dir", str(tmp_path / "run")]
        )

    assert result.exit_code == 2
    assert f"port {free.archive}" in result.output

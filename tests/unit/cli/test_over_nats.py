"""A NATS that is not there is said, with what to do about it."""

import pytest
import typer

from tenantry_cli import over_nats
from tenantry_common import bus


async def _never(_: bus.Bus) -> None:
    raise AssertionError("there is no NATS")


def test_a_nats_that_does_not_answer_ends_with_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(over_nats, "NATS_SECONDS", 0.2)

    with pytest.raises(typer.Exit) as ended:
        over_nats.over_nats("nats://127.0.0.1:1", _never)

    assert ended.value.exit_code == 2
    assert "tenantry up" in capsys.readouterr().err

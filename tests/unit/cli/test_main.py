"""The command line answers by its exit status, and says what to do when something is missing."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tenantry_cli.main import app

EXAMPLES = str(Path(__file__).parents[3] / "examples" / "metricaccess")


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        pytest.param(["check", EXAMPLES], 0, "0 errors", id="valid manifests"),
        pytest.param(["check", "nowhere.yaml"], 1, "cannot be read", id="a missing manifest"),
        pytest.param(
            ["explain", "team-web", "up", "--manifests", EXAMPLES], 0, "restricted", id="explained"
        ),
        pytest.param(
            ["explain", "team-web", "info(up)", "--manifests", EXAMPLES], 1, "info()", id="refused"
        ),
        pytest.param(
            ["explain", "team-web", "sum(", "--manifests", EXAMPLES], 2, "", id="no PromQL"
        ),
        pytest.param(["status", "--nats", "nats://127.0.0.1:1"], 2, "", id="no NATS"),
        pytest.param(["fly"], 2, "", id="an unknown command"),
    ],
)
def test_the_exit_status_is_the_answer(
    arguments: list[str], status: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenantry_cli.over_nats.NATS_SECONDS", 0.3)

    result = CliRunner().invoke(app, arguments)

    assert (result.exit_code, expected in result.output) == (status, True)

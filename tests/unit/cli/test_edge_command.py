"""The exit status and the words of `tenantry edge --check`."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tenantry_cli.main import app

GOOD = """
sources: {static: ["http://prometheus:9090"]}
match: [up]
upstream: {type: remote_write, url: "https://push.example.com/api/v1/write"}
data_dir: /nowhere
"""


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        pytest.param(GOOD, 0, "", id="fine"),
        pytest.param(GOOD.replace("[up]", "['{']"), 1, "at `$.match[0]`", id="a selector"),
        pytest.param(GOOD.replace("http://p", "p"), 1, "at `$.sources.static[0]`", id="a source"),
        pytest.param(GOOD + "\nfar: away\n", 1, "unknown field `far`", id="a field"),
        pytest.param("[]", 1, "must be a mapping", id="no mapping"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path, text: str, status: int, said: str
) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text(text)

    result = CliRunner().invoke(app, ["edge", "--config", str(path), "--check"])

    assert result.exit_code == status
    assert said in result.output
    assert len(result.output.splitlines()) == status

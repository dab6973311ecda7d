"""What configuration is refused, with the path of what is wrong."""

from pathlib import Path

import pytest

from tenantry_common import config, errors
from writer.config import Config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "request_timeout_seconds: 30",
            "$.request_timeout_seconds must be less than ack_wait_seconds",
            id="a request may outlast the hold",
        ),
        pytest.param("remote_write_allow: ['*']", "$.remote_write_allow[0]: '*'", id="pattern"),
        pytest.param("poison_tries: 1", "Expected `int` >= 2 - at `$.poison_tries`", id="tries"),
        pytest.param("retry_first_seconds: 0", "$.retry_first_seconds", id="no pause"),
        pytest.param("ack_wait: 3", "unknown field `ack_wait`", id="unknown"),
    ],
)
def test_wrong_configuration_names_its_path(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "writer.yaml"
    file.write_text(text)

    with pytest.raises(errors.ConfigError) as caught:
        config.load(Config, file, {})
    assert message in str(caught.value)


def test_an_empty_file_is_a_configuration() -> None:
    assert config.load(Config, None, {}) == Config()

"""Settings that would believe somebody by accident are refused at the start."""

from pathlib import Path

import pytest

from receiver.config import Config
from tenantry_common import config, errors


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("auth: {upstream: {url: 'http://u'}}", "tenant and job", id="for which job?"),
        pytest.param("auth: {upstream: {url: 'ftp://u', tenant: t, job: j}}", "http", id="FTP"),
        pytest.param("auth: {trusted_header: {secret_file: x}}", "networks", id="from anywhere"),
        pytest.param("auth: {trusted_header: {networks: [10]}}", "networks", id="no network"),
        pytest.param("auth: {tokens: {lifetime_seconds: 59}}", "at least 60", id="kept for ever"),
        pytest.param(
            "auth: {certificates: [{name: 'dns:x', tenant: t, job: j, cluster: c}]}",
            "client_ca_file",
            id="signed by whom?",
        ),
        pytest.param("listen: {base: push/}", "slash", id="a base without a slash"),
        pytest.param("limits: {upload_bytes: 0}", "positive", id="no room"),
        pytest.param("limits: {unknown: 0}", "unknown", id="an unknown field"),
        pytest.param("{secrets_dir: x, secrets_from: kubernetes}", "secrets_dir", id="two places"),
        pytest.param("listen: {drain_delay_seconds: 60}", "no time", id="no time to drain"),
    ],
)
def test_settings_that_contradict_themselves(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "receiver.yaml"
    path.write_text(text)

    with pytest.raises(errors.ConfigError, match=problem):
        config.load(Config, path, {})


def test_an_empty_file_is_a_configuration_that_believes_nobody() -> None:
    settings = config.load(Config, None, {})

    assert not settings.auth.tokens.keys_file
    assert not settings.auth.needs_certificates

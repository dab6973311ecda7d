"""Every fault of an edge's file is one line that names its field."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tenantry_cli import edge_config
from tenantry_common import errors

UPSTREAM = {"type": "remote_write", "url": "https://push.example.com/api/v1/write"}
TELEMETER = {"type": "telemeter", "url": "https://push.example.com", "id": "c"}


def written(folder: Path, **fields: Any) -> Path:
    document = {
        "sources": {"static": ["http://prometheus:9090"]},
        "match": ["up"],
        "upstream": UPSTREAM,
        "data_dir": str(folder / "data"),
        **fields,
    }
    path = folder / "edge.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in document.items() if v is not None}))
    return path


def test_little_needs_to_be_said(tmp_path: Path) -> None:
    edge = edge_config.load(written(tmp_path))

    assert (edge.match, edge.upstream.url, edge.to_telemeter) == (("up",), UPSTREAM["url"], False)
    assert edge_config.files(edge) == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"match": None}, "missing required field `match`", id="nothing to push"),
        pytest.param({"match": []}, "match names nothing", id="an empty list"),
        pytest.param({"match": "up"}, "at `$.match`", id="no list"),
        pytest.param({"colour": "red"}, "unknown field `colour`", id="unknown field"),
        pytest.param({"sources": {}}, "at least one of static, file_sd and kubernetes - at `$.sources`", id="no source"),
        pytest.param({"keep": "long"}, "keep is not a duration", id="no duration"),
        pytest.param({"services": {"gateway": {}}}, "there is no 'gateway'", id="no service"),
        pytest.param({"upstream": {**UPSTREAM, "type": "carrier"}}, "at `$.upstream.type`", id="kind"),
        pytest.param({"upstream": {**UPSTREAM, "id": "c"}}, "needs id and credential_file - at `$.upstream`", id="id alone"),
        pytest.param({"upstream": {**UPSTREAM, "cert_file": "c"}}, "cert_file and key_file", id="half a certificate"),
        pytest.param({"upstream": TELEMETER}, "type telemeter needs id and credential_file", id="no credential"),
        pytest.param({"upstream": {**TELEMETER, "credential_file": "x", "authorize_url": "http://a"}}, "belongs to type remote_write", id="needless URL"),
        pytest.param({"upstream": {**UPSTREAM, "ca_file": "/nowhere"}}, "/nowhere - at `$.upstream.ca_file`", id="no such file"),
        pytest.param({"anonymise": {"labels": ["a"], "salt_file": "/nowhere"}}, "at `$.anonymise.salt_file`", id="no salt"),
    ],
)  # fmt: skip
def test_faults_are_named(tmp_path: Path, fields: dict[str, Any], said: str) -> None:
    path = written(tmp_path, **fields)

    with pytest.raises(errors.ConfigError) as raised:
        edge_config.load(path)

    assert said in str(raised.value)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)

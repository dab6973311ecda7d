"""An edge's file becomes a manifest and settings that the services take."""

from typing import Any

import msgspec
import pytest

from tenant_controller.validate import validate
from tenantry_cli import edge_plan
from tenantry_cli.edge_config import Edge
from tenantry_common import errors

FOLDERS = {"targets": "/t", "manifests": "/m", "secrets": "/s"}
REMOTE_WRITE = {"type": "remote_write", "url": "https://push.example.com:8443/api/v1/write"}
TELEMETER = {
    "type": "telemeter",
    "url": "https://push.example.com",
    "id": "c1",
    "credential_file": "/token",
    "ca_file": "/ca",
    "upload_interval": "5m",
}


def edge(**fields: Any) -> Edge:
    plain = {
        "sources": {"static": ["http://prometheus:9090"]},
        "match": ["up"],
        "upstream": REMOTE_WRITE,
        "data_dir": "/data",
    }
    return msgspec.convert({**plain, **fields}, Edge)


def spec(wanted: Edge) -> dict[str, Any]:
    found: dict[str, Any] = edge_plan.manifest(wanted)["spec"]
    return found


def test_a_telemeter_server_gets_the_latest_samples_at_its_pace() -> None:
    wanted = edge(
        upstream=TELEMETER,
        labels={"site": "north"},
        elide=["pod"],
        rename={"a": "b"},
        anonymise={"labels": ["instance"], "salt_file": "/salt"},
    )

    delivery = spec(wanted)["remoteWrite"]
    assert delivery["target"] == {
        "type": "telemeter",
        "telemeter": {
            "url": "https://push.example.com",
            "clusterId": "c1",
            "credentials": {"name": "upstream", "key": "token"},
            "uploadInterval": "5m",
            "uploadBytes": 512_000,
            "tlsConfig": {"ca": {"name": "upstream", "key": "ca"}},
        },
    }
    assert (delivery["interval"], delivery["collection"]) == ("4m30s", "latest")
    assert spec(wanted)["transform"] == {
        "elide": ["pod"],
        "rename": {"a": "b"},
        "anonymise": ["instance"],
        "salt": {"name": "anonymise", "key": "salt"},
    }
    assert edge_plan.secrets(wanted) == {
        ("upstream", "token"): "/token",
        ("upstream", "ca"): "/ca",
        ("anonymise", "salt"): "/salt",
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, {}, id="open"),
        pytest.param(
            {"credential_file": "/token"},
            {"authorization": {"credentials": {"name": "upstream", "key": "token"}}},
            id="bearer token",
        ),
        pytest.param(
            {"credential_file": "/token", "id": "c1"},
            {"authorize": {"clusterId": "c1", "credentials": {"name": "upstream", "key": "token"}}},
            id="credential and id together",
        ),
        pytest.param(
            {
                "credential_file": "/token",
                "id": "c1",
                "authorize_url": "https://push.example.com/a",
            },
            {
                "authorize": {
                    "clusterId": "c1",
                    "credentials": {"name": "upstream", "key": "token"},
                    "url": "https://push.example.com/a",
                }
            },
            id="a token of its own",
        ),
        pytest.param(
            {"cert_file": "/c", "key_file": "/k", "server_name": "push"},
            {
                "tlsConfig": {
                    "cert": {"name": "upstream", "key": "cert"},
                    "keySecret": {"name": "upstream", "key": "key"},
                    "serverName": "push",
                }
            },
            id="a client certificate",
        ),
    ],
)
def test_remote_writes_are_authorised_as_said(
    fields: dict[str, str], expected: dict[str, Any]
) -> None:
    wanted = edge(upstream={**REMOTE_WRITE, **fields})
    delivery = spec(wanted)["remoteWrite"]

    assert delivery["target"]["remoteWrite"] == {"url": REMOTE_WRITE["url"], **expected}
    assert (delivery["interval"], delivery["collection"]) == ("30s", "raw")
    assert validate(edge_plan.manifest(wanted)).problems == ()


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        pytest.param({"match": ["up", "{"]}, "$.match[1]", id="match"),
        pytest.param({"interval": "1s"}, "$.interval", id="interval"),
        pytest.param({"lookback": "x"}, "$.lookback", id="lookback"),
        pytest.param({"labels": {"a-b": "x"}}, "$.labels.a-b", id="labels"),
        pytest.param({"elide": ["__name__"]}, "$.elide[0]", id="elide"),
        pytest.param({"rename": {"a": ""}}, "$.rename.a", id="rename"),
        pytest.param({"anonymise": {"labels": [""], "salt_file": "/s"}}, "$.anonymise.labels[0]", id="anonymise"),
        pytest.param({"upstream": {**REMOTE_WRITE, "url": "push"}}, "$.upstream.url", id="url"),
        pytest.param({"upstream": {**TELEMETER, "url": "push"}}, "$.upstream.url", id="base url"),
        pytest.param({"upstream": {**TELEMETER, "id": "a\nb"}}, "$.upstream.id", id="id"),
        pytest.param({"upstream": {**TELEMETER, "upload_bytes": 1}}, "$.upstream.upload_bytes", id="size"),
        pytest.param({"upstream": {**TELEMETER, "upload_interval": "x"}}, "$.upstream.upload_interval", id="pace"),
    ],
)  # fmt: skip
def test_faults_are_told_by_the_fields_of_the_file(fields: dict[str, Any], path: str) -> None:
    assert [problem.path for problem in edge_plan.problems(edge(**fields))] == [path]


def test_services_are_told_what_they_need_and_no_more() -> None:
    wanted = edge(
        upstream={
            **REMOTE_WRITE,
            "credential_file": "/t",
            "id": "c",
            "authorize_url": "http://a:1/x",
        },
        sources={
            "static": ["https://prometheus/prom/"],
            "file_sd": ["/sd"],
            "kubernetes": {"namespaces": ["monitoring"]},
            "access": {"bearer_token_file": "/token"},
        },
        services={"collector": {"settle_seconds": 1}},
    )

    made = edge_plan.settings(wanted, FOLDERS)

    assert made["discovery"]["discovery"]["file_sd"] == {
        "folders": ["/t", "/sd"],
        "access": "sources",
    }
    assert made["discovery"]["discovery"]["kubernetes"][0]["access"] == "sources"
    assert made["collector"]["settle_seconds"] == 1
    assert made["collector"]["backend_access"].keys() == {"sources"}
    assert made["writer"]["remote_write_allow"] == ["http://a:1/", "https://push.example.com:8443/"]
    assert edge_plan.static_targets(wanted) == [
        {
            "targets": ["prometheus:443"],
            "labels": {"__scheme__": "https", "__path_prefix__": "/prom"},
        }
    ]


@pytest.mark.parametrize(
    "url", ["prometheus:9090", "ftp://a", "http://", "http://u:p@a", "http://a:x"]
)
def test_sources_are_urls(url: str) -> None:
    with pytest.raises(errors.ConfigError, match=r"\$\.sources\.static\[0\]"):
        edge_plan.validated(edge(sources={"static": [url]}))


def test_settings_that_a_service_does_not_know_are_told() -> None:
    with pytest.raises(
        errors.ConfigError, match="unknown field `speed` - in the settings of writer"
    ):
        edge_plan.validated(edge(services={"writer": {"speed": 1}}))


def test_samples_are_kept_as_long_as_said() -> None:
    assert edge_plan.nats(edge(keep="36h", keep_bytes=7), "nats://a") == {
        "servers": ["nats://a"],
        "samples_max_age_seconds": 36 * 3600,
        "samples_max_bytes": 7,
    }

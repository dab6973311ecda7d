"""Everything about `spec.remoteWrite` is checked, each fault at its path."""

from typing import Any

import msgspec
import pytest

from tenant_controller import delivery
from tenant_controller.metric_access import PrometheusTarget, RemoteWrite
from tenantry_common.contracts import RelabelRule

PROMETHEUS = {"serviceName": "prometheus"}


def remote_write(**fields: Any) -> RemoteWrite:
    document = {
        "enabled": True,
        "target": {"type": "prometheus"},
        **({"prometheus": PROMETHEUS} if "target" not in fields else {}),
        **fields,
    }
    return msgspec.convert(document, RemoteWrite)


def told(**fields: Any) -> list[tuple[str, str, str]]:
    return [
        (p.path.removeprefix("$.spec.remoteWrite."), p.severity, p.message)
        for p in delivery.problems(remote_write(**fields))
    ]


def paths(**fields: Any) -> list[tuple[str, str]]:
    return [(path, severity) for path, severity, _ in told(**fields)]


def test_the_usual_is_fine() -> None:
    assert told(interval="30s", extraLabels={"tenant": "a"}, protocol="auto") == []


@pytest.mark.parametrize("where", ["inside", "beside"])
def test_the_block_may_stand_inside_of_target_or_beside_it(where: str) -> None:
    if where == "inside":
        written = remote_write(target={"type": "prometheus", "prometheus": PROMETHEUS})
    else:
        written = remote_write(target={"type": "prometheus"}, prometheus=PROMETHEUS)

    infix = "target." if where == "inside" else ""
    assert delivery.block(written) == (
        f"$.spec.remoteWrite.{infix}prometheus",
        PrometheusTarget(service_name="prometheus"),
    )
    assert list(delivery.problems(written)) == []


def test_a_missing_block_is_an_error() -> None:
    assert told(target={"type": "remote_write"}, prometheus=PROMETHEUS) == [
        (
            "target",
            "error",
            "type remote_write needs the block `remoteWrite`, inside `target` or beside it",
        )
    ]


def test_two_blocks_may_be_equal_but_not_differ() -> None:
    target = {"type": "prometheus", "prometheus": PROMETHEUS}

    assert paths(target=target, prometheus=PROMETHEUS) == []
    assert paths(target=target, prometheus={"serviceName": "other"}) == [("prometheus", "error")]


def test_a_block_of_another_type_is_not_used() -> None:
    url = {"url": "https://a/write"}
    target = {"type": "prometheus", "remoteWrite": url}

    assert paths(target=target, prometheus=PROMETHEUS, remoteWrite=url) == [
        ("target.remoteWrite", "warning"),
        ("remoteWrite", "warning"),
    ]


@pytest.mark.parametrize(
    ("field", "value", "fine"),
    [
        pytest.param("interval", "5s", True, id="shortest interval"),
        pytest.param("interval", "24h", True, id="longest interval"),
        pytest.param("interval", "4.999s", False, id="interval too short"),
        pytest.param("interval", "24h1ms", False, id="interval too long"),
        pytest.param("interval", "1d", False, id="no Go duration"),
        pytest.param("lookback", "0s", True, id="nothing is made up"),
        pytest.param("lookback", "169h", False, id="lookback too long"),
        pytest.param("lookback", "-1s", False, id="negative lookback"),
    ],
)
def test_durations_have_their_range(field: str, value: str, fine: bool) -> None:
    assert paths(**{field: value}) == ([] if fine else [(field, "error")])


@pytest.mark.parametrize(
    ("label", "value", "severity"),
    [
        pytest.param("tenant", "a", None, id="a label"),
        pytest.param("__name__", "x", "error", id="the name"),
        pytest.param("__tmp", "x", "error", id="reserved"),
        pytest.param("a-b", "x", "error", id="not a label name"),
        pytest.param("a", "", "warning", id="an empty value removes"),
    ],
)
def test_extra_labels(label: str, value: str, severity: str | None) -> None:
    assert paths(extraLabels={label: value}) == (
        [(f"extraLabels.{label}", severity)] if severity else []
    )


def test_relabelings_are_understood_in_both_spellings() -> None:
    written = remote_write(
        metricRelabelings=[
            {"source_labels": ["a"], "target_label": "b", "regex": "x(.*)", "replacement": "$1"},
            {"sourceLabels": ["a"], "targetLabel": "b", "modulus": 8, "action": "hashmod"},
            {"regex": "c", "action": "labeldrop", "separator": ";"},
        ]
    )

    assert list(delivery.problems(written)) == []
    assert delivery.relabel_rules(written) == (
        RelabelRule(source_labels=("a",), target_label="b", regex="x(.*)"),
        RelabelRule(source_labels=("a",), target_label="b", modulus=8, action="hashmod"),
        RelabelRule(regex="c", action="labeldrop"),
    )


def test_wrong_relabelings_are_told_in_prometheus_words() -> None:
    assert told(
        metricRelabelings=[
            {"action": "replace", "target_label": "a"},
            {"action": "explode"},
            {"action": "drop", "regex": "("},
            {"source_labels": ["a"], "sourceLabels": ["b"], "target_label": "c"},
        ]
    ) == [
        (
            "metricRelabelings[3].sourceLabels",
            "error",
            "is the same as source_labels, which is set too",
        ),
        ("metricRelabelings[1]", "error", 'unknown relabel action "explode"'),
        ("metricRelabelings[2]", "error", "error parsing regexp: missing ): ("),
    ]


@pytest.mark.parametrize(
    ("block", "path", "severity"),
    [
        pytest.param({"serviceName": "Bad"}, "serviceName", "error", id="service"),
        pytest.param({"serviceName": "a.evil.com/x?"}, "serviceName", "error", id="a hostile host"),
        pytest.param({"servicePort": 0}, "servicePort", "error", id="port 0"),
        pytest.param({"servicePort": 65536}, "servicePort", "error", id="port too large"),
        pytest.param({"replicas": 0}, "replicas", "error", id="no replicas"),
        pytest.param({"replicas": 33}, "replicas", "error", id="too many replicas"),
        pytest.param({"replicas": 1, "statefulSet": "a/b"}, "statefulSet", "error", id="set"),
        pytest.param({"statefulSet": "sts"}, "statefulSet", "warning", id="set without replicas"),
        pytest.param({"targetNamespace": "a.b"}, "targetNamespace", "error", id="namespace"),
    ],
)
def test_a_prometheus_target(block: dict[str, Any], path: str, severity: str) -> None:
    assert paths(target={"type": "prometheus"}, prometheus={**PROMETHEUS, **block}) == [
        (f"prometheus.{path}", severity)
    ]


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        pytest.param("https://a.example.com:8443/api/v1/write?x=y", True, id="usual"),
        pytest.param("http://[2001:db8::1]:9090/", True, id="IPv6"),
        pytest.param("ftp://a/", False, id="scheme"),
        pytest.param("https:///write", False, id="no host"),
        pytest.param("a/write", False, id="relative"),
        pytest.param("https://u:p@a/", False, id="credentials"),
        pytest.param("https://a/#x", False, id="fragment"),
        pytest.param("https://a/x y", False, id="blank"),
        pytest.param("https://a:99999/", False, id="port"),
        pytest.param("https://[/", False, id="broken host"),
        pytest.param("", False, id="empty"),
    ],
)
def test_a_url(url: str, fine: bool) -> None:
    assert paths(target={"type": "remote_write", "remoteWrite": {"url": url}}) == (
        [] if fine else [("target.remoteWrite.url", "error")]
    )


@pytest.mark.parametrize(
    ("name", "value", "fine"),
    [
        pytest.param("X-Tenant", "a b", True, id="usual"),
        pytest.param("Authorization", "Bearer x", False, id="a secret"),
        pytest.param("Content-Type", "x", False, id="ours"),
        pytest.param("X-A\r\nHost", "x", False, id="a second header"),
        pytest.param("X-A", "x\r\nHost: y", False, id="a second header in the value"),
        pytest.param("", "x", False, id="no name"),
    ],
)
def test_headers(name: str, value: str, fine: bool) -> None:
    block = {"url": "https://a/", "headers": {name: value}}

    assert paths(target={"type": "remote_write", "remoteWrite": block}) == (
        [] if fine else [(f"target.remoteWrite.headers.{name}", "error")]
    )


def test_the_newest_sample_of_an_interval_may_be_all_that_is_wanted() -> None:
    assert paths(collection="latest") == []


def test_a_pushgateway_needs_a_job() -> None:
    target = {"type": "pushgateway", "pushgateway": {"serviceName": "g", "jobName": ""}}

    assert ("target.pushgateway.jobName", "error") in paths(target=target)


SECRET = {"name": "push", "key": "token"}
AUTHORIZATION = {"credentials": SECRET}
OAUTH2 = {"clientId": "c", "clientSecret": SECRET, "tokenUrl": "https://id.example.com/token"}


@pytest.mark.parametrize(
    ("block", "problems"),
    [
        pytest.param({"authorization": AUTHORIZATION}, [], id="a token"),
        pytest.param({"oauth2": OAUTH2}, [], id="OAuth 2.0"),
        pytest.param({"tlsConfig": {"ca": SECRET}}, [], id="a CA"),
        pytest.param({"tlsConfig": {"cert": SECRET, "keySecret": SECRET}}, [], id="certificate"),
        pytest.param({"secretHeaders": {"Authorization": SECRET}}, [], id="a secret header"),
        pytest.param(
            {"authorization": AUTHORIZATION, "oauth2": OAUTH2}, ["oauth2"], id="two of them"
        ),
        pytest.param(
            {"authorization": {**AUTHORIZATION, "type": "a b"}}, ["authorization.type"], id="scheme"
        ),
        pytest.param(
            {"authorization": {**AUTHORIZATION, "type": "Basic"}},
            ["authorization.type"],
            id="Basic",
        ),
        pytest.param({"oauth2": {**OAUTH2, "tokenUrl": "x"}}, ["oauth2.tokenUrl"], id="token URL"),
        pytest.param({"oauth2": {**OAUTH2, "clientId": ""}}, ["oauth2.clientId"], id="client"),
        pytest.param({"tlsConfig": {"cert": SECRET}}, ["tlsConfig.keySecret"], id="no key"),
        pytest.param({"tlsConfig": {"keySecret": SECRET}}, ["tlsConfig.cert"], id="no certificate"),
        pytest.param({"secretHeaders": {"Host": SECRET}}, ["secretHeaders.Host"], id="our header"),
        pytest.param({"secretHeaders": {"a b": SECRET}}, ["secretHeaders.a b"], id="no header"),
    ],
)
def test_credentials_are_checked(block: dict[str, Any], problems: list[str]) -> None:
    target = {"type": "remote_write", "remoteWrite": {"url": "https://a/", **block}}

    assert paths(target=target) == [(f"target.remoteWrite.{path}", "error") for path in problems]


TELEMETER = {
    "url": "https://push.example.com/base",
    "clusterId": "c1",
    "credentials": {"name": "push", "key": "token"},
}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, [], id="fine"),
        pytest.param({"url": "push"}, ["url"], id="no URL"),
        pytest.param({"url": "https://a/?x=1"}, ["url"], id="a query"),
        pytest.param({"clusterId": ""}, ["clusterId"], id="no cluster"),
        pytest.param({"clusterId": "a\nb"}, ["clusterId"], id="a cluster of two lines"),
        pytest.param({"clusterId": "ü" * 128}, ["clusterId"], id="bytes, not letters"),
        pytest.param({"uploadInterval": "0s"}, ["uploadInterval"], id="no pause"),
        pytest.param({"uploadInterval": "often"}, ["uploadInterval"], id="no duration"),
        pytest.param({"uploadBytes": 10}, ["uploadBytes"], id="no size"),
        pytest.param(
            {"tlsConfig": {"cert": {"name": "a", "key": "b"}}},
            ["tlsConfig.keySecret"],
            id="half a certificate",
        ),
    ],
)
def test_telemeter_targets(fields: dict[str, Any], expected: list[str]) -> None:
    target = {"type": "telemeter", "telemeter": {**TELEMETER, **fields}}

    assert paths(target=target) == [(f"target.telemeter.{path}", "error") for path in expected]


def test_remote_writes_are_authorised_in_one_way() -> None:
    secret = {"name": "push", "key": "token"}
    block = {
        "url": "https://push.example.com/api/v1/write",
        "authorization": {"credentials": secret},
        "authorize": {"clusterId": "", "credentials": secret, "url": "ftp://a/"},
    }

    found = paths(target={"type": "remote_write", "remoteWrite": block})

    assert found == [
        ("target.remoteWrite.authorize", "error"),
        ("target.remoteWrite.authorize.clusterId", "error"),
        ("target.remoteWrite.authorize.url", "error"),
    ]

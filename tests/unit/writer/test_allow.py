"""Which endpoints may be sent to."""

import pytest

from tenantry_common import contracts
from writer import allow

ALLOWED = (
    "metrics.example.com",
    "*.tenants.example.com:9090",
    "https://cloud.example.com/api/prom/",
    "http://10.0.0.7:8428",
)


def endpoint(url: str, kind: contracts.EndpointKind = "remote_write") -> contracts.Endpoint:
    return contracts.Endpoint(id="0", kind=kind, url=url)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("https://metrics.example.com/api/v1/write", id="host, https port"),
        pytest.param("http://metrics.example.com/", id="host, http port"),
        pytest.param("https://METRICS.example.com/w", id="host in capitals"),
        pytest.param("http://a.b.tenants.example.com:9090/w", id="any label before a suffix"),
        pytest.param("https://cloud.example.com/api/prom/push", id="below a path"),
        pytest.param("https://cloud.example.com/api/prom", id="the path itself"),
        pytest.param("http://10.0.0.7:8428/api/v1/write", id="address and port"),
    ],
)
def test_what_the_owner_listed_is_allowed(url: str) -> None:
    assert allow.refusal(endpoint(url), allow.parse(ALLOWED)) == ""


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://metrics.example.com:9090/w", id="another port"),
        pytest.param("http://evil.com/metrics.example.com", id="host in the path"),
        pytest.param("http://metrics.example.com.evil.com/", id="host as a prefix"),
        pytest.param("http://xmetrics.example.com/", id="host as a suffix"),
        pytest.param("http://tenants.example.com:9090/", id="suffix without a label"),
        pytest.param("http://eviltenants.example.com:9090/", id="suffix inside a label"),
        pytest.param("http://cloud.example.com/api/prom/push", id="another scheme"),
        pytest.param("https://cloud.example.com/api/prometheus", id="path ends inside a segment"),
        pytest.param("https://cloud.example.com/api/prom/../admin", id="path climbs"),
        pytest.param("https://cloud.example.com/api/prom/%2e%2e/admin", id="path climbs, encoded"),
        pytest.param("http://10.0.0.8:8428/", id="another address"),
        pytest.param("http://169.254.169.254/latest/meta-data", id="metadata address"),
        pytest.param("http://[::1]:8428/", id="loopback"),
    ],
)
def test_anything_else_is_refused_with_its_host(url: str) -> None:
    assert "remote_write_allow" in allow.refusal(endpoint(url), allow.parse(ALLOWED))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param("ftp://metrics.example.com/", "not an http or https URL", id="scheme"),
        pytest.param("/api/v1/write", "not an http or https URL", id="no host"),
        pytest.param("http://a:b@metrics.example.com/", "credentials in a URL", id="user"),
        pytest.param("http://evil.com\\@metrics.example.com/", "", id="backslash"),
        pytest.param("http://x:99999999/", "not a URL", id="port"),
        pytest.param("https://cloud.example.com/api/prom%2F..%2Fx", "climbs", id="%2F.."),
    ],
)
def test_a_target_that_is_no_plain_url_is_refused(url: str, reason: str) -> None:
    refused = allow.refusal(endpoint(url), allow.parse(ALLOWED))

    assert refused
    assert reason in refused


def test_nothing_is_allowed_by_default_but_the_platforms_own_endpoints() -> None:
    url = "http://prometheus-0.prometheus.team-a.svc:9090/api/v1/write"

    assert allow.refusal(endpoint(url, "prometheus"), ()) == ""
    assert allow.refusal(endpoint(url), ()) != ""


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        pytest.param("hOst", "internal", "'host' is the writer's own", id="host"),
        pytest.param("Content-Length", "0", "'content-length' is the writer's own", id="length"),
        pytest.param("X-Scope-OrgID", "a\r\nHost: b", "control characters", id="injection"),
    ],
)
def test_headers_that_would_change_the_request_are_refused(
    name: str, value: str, reason: str
) -> None:
    found = contracts.Endpoint(
        id="0", kind="prometheus", url="http://a:9090/", headers={name: value}
    )

    assert reason in allow.refusal(found, ())


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("", id="empty"),
        pytest.param("*", id="everything"),
        pytest.param("*.", id="no suffix"),
        pytest.param("a.*.com", id="star inside"),
        pytest.param("ftp://a.com", id="scheme"),
        pytest.param("https://a.com/?x=1", id="query"),
        pytest.param("https://u@a.com/", id="user"),
        pytest.param("a.com:port", id="port"),
    ],
)
def test_an_entry_that_cannot_be_meant_is_named(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"\$\.remote_write_allow\[1\]"):
        allow.parse(("ok.example.com", pattern))


def test_a_suffix_is_one_of_names_and_not_of_addresses() -> None:
    assert allow.refusal(endpoint("http://127.0.0.1/"), allow.parse(["*.0.0.1"])) != ""


def test_the_token_url_must_be_listed_too() -> None:
    secret = contracts.SecretRef(name="s", key="k")

    def found(token_url: str) -> str:
        oauth2 = contracts.OAuth2(client_id="c", client_secret=secret, token_url=token_url)
        target = contracts.Endpoint(
            id="0", kind="remote_write", url="https://metrics.example.com/w", oauth2=oauth2
        )
        return allow.refusal(target, allow.parse(ALLOWED))

    assert found("https://metrics.example.com/token") == ""
    assert found("http://169.254.169.254/").startswith("token URL: the platform does not allow")


def test_a_secret_header_cannot_be_the_writers_own() -> None:
    secret = contracts.SecretRef(name="s", key="k")
    target = contracts.Endpoint(
        id="0", kind="prometheus", url="http://p/", secret_headers={"Host": secret}
    )

    assert allow.refusal(target, ()) == "header 'host' is the writer's own and cannot be set"


def test_where_a_cluster_authorises_must_be_listed_too() -> None:
    def found(url: str, authorize_url: str) -> str:
        secret = contracts.SecretRef(name="s", key="k")
        target = contracts.Endpoint(
            id="0",
            kind="telemeter",
            url=url,
            authorize=contracts.Authorize(id="c", credentials=secret, url=authorize_url),
        )
        return allow.refusal(target, allow.parse(ALLOWED))

    good = "https://metrics.example.com/w"
    assert found(good, good) == ""
    assert found("http://10.0.0.1/upload", good).startswith("the platform does not allow")
    assert found(good, "http://10.0.0.1/").startswith("authorize URL: the platform does not allow")

"""Targets become endpoints whose names and URLs nobody can bend."""

from typing import Any

import msgspec
import pytest

from tenant_controller import endpoints
from tenant_controller.endpoints import Network
from tenant_controller.metric_access import RemoteWrite
from tenantry_common.contracts import (
    Authorization,
    Authorize,
    BasicAuth,
    Endpoint,
    OAuth2,
    Problem,
    SecretRef,
    TlsConfig,
)


def prometheus(**block: Any) -> RemoteWrite:
    target = {"type": "prometheus", "prometheus": {"serviceName": "prometheus", **block}}
    return msgspec.convert({"enabled": True, "target": target}, RemoteWrite)


def made(remote_write: RemoteWrite, network: Network) -> list[tuple[str, str]]:
    found = endpoints.of(remote_write, "team-web", network)
    assert not isinstance(found, Problem)
    return [(endpoint.id, endpoint.url) for endpoint in found]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        pytest.param(
            {},
            [("prometheus", "http://prometheus.team-web.svc.cluster.local:9090/api/v1/write")],
            id="the service",
        ),
        pytest.param(
            {"replicas": 2},
            [
                (
                    f"prometheus-{n}",
                    f"http://prometheus-{n}.prometheus.team-web.svc.cluster.local:9090/api/v1/write",
                )
                for n in (0, 1)
            ],
            id="each replica",
        ),
        pytest.param(
            {"replicas": 1, "statefulSet": "db", "servicePort": 80, "targetNamespace": "shared"},
            [
                (
                    "db-0.shared:80",
                    "http://db-0.prometheus.shared.svc.cluster.local:80/api/v1/write",
                )
            ],
            id="everything else",
        ),
    ],
)
def test_a_prometheus_is_found_by_dns(
    block: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    network = Network(target_namespaces={"team-web": ("shar*",)})

    assert made(prometheus(**block), network) == expected


def test_the_pods_of_a_stateful_set_are_found_in_the_clusters_own_domain() -> None:
    network = Network(cluster_domain="k8s.example.com", target_namespaces={"team-web": ("obs",)})
    block = {
        "serviceName": "prometheus-operated",
        "servicePort": 9090,
        "replicas": 2,
        "statefulSet": "prometheus-web",
        "targetNamespace": "obs",
    }

    assert [url for _, url in made(prometheus(**block), network)] == [
        "http://prometheus-web-0.prometheus-operated.obs.svc.k8s.example.com:9090/api/v1/write",
        "http://prometheus-web-1.prometheus-operated.obs.svc.k8s.example.com:9090/api/v1/write",
    ]


def test_overrides_replace_the_names_of_dns() -> None:
    network = Network(
        cluster_domain="example",
        service_overrides={
            "team-web/prometheus:9090": ("http://127.0.0.1:1/", "http://127.0.0.1:2")
        },
    )

    assert made(prometheus(replicas=2), network) == [
        ("prometheus-0", "http://127.0.0.1:1/api/v1/write"),
        ("prometheus-1", "http://127.0.0.1:2/api/v1/write"),
    ]
    assert made(prometheus(servicePort=1), network) == [
        ("prometheus:1", "http://prometheus.team-web.svc.example:1/api/v1/write")
    ]


def test_overrides_must_be_as_many_as_the_replicas() -> None:
    network = Network(service_overrides={"team-web/prometheus:9090": ("http://127.0.0.1:1",)})

    assert endpoints.of(prometheus(replicas=2), "team-web", network) == Problem(
        path="$.spec.remoteWrite.target.prometheus.replicas",
        message="the platform has 1 URLs for team-web/prometheus:9090, and 2 endpoints are asked for",
    )


@pytest.mark.parametrize(
    "allowed",
    [
        pytest.param({}, id="nothing is allowed"),
        pytest.param({"team-web": ("other",)}, id="another namespace"),
        pytest.param({"team-batch": ("*",)}, id="another tenant"),
    ],
)
def test_no_tenant_writes_into_other_namespaces_on_its_own(
    allowed: dict[str, tuple[str, ...]],
) -> None:
    found = endpoints.of(
        prometheus(targetNamespace="team-secret"), "team-web", Network(target_namespaces=allowed)
    )

    assert found == Problem(
        path="$.spec.remoteWrite.target.prometheus.targetNamespace",
        message="the platform does not let team-web deliver into team-secret",
    )


def test_a_url_is_taken_as_it_is_and_names_its_endpoint() -> None:
    block = {
        "url": "https://a.example.com/write",
        "headers": {"X-Tenant": "a"},
        "basicAuth": {"username": "u", "passwordSecret": {"name": "n", "key": "k"}},
    }
    document = {"enabled": True, "target": {"type": "remote_write"}, "remoteWrite": block}
    remote_write = msgspec.convert(document, RemoteWrite)

    assert endpoints.of(remote_write, "team-web", Network()) == (
        Endpoint(
            id="a.example.com-2e9dc57c",
            kind="remote_write",
            url="https://a.example.com/write",
            headers={"X-Tenant": "a"},
            basic_auth=BasicAuth(username="u", password=SecretRef(name="n", key="k")),
        ),
    )


def pushgateway(**block: Any) -> RemoteWrite:
    block = {"serviceName": "push", "jobName": "team/web", **block}
    target = {"type": "pushgateway", "pushgateway": block}
    return msgspec.convert({"enabled": True, "target": target}, RemoteWrite)


@pytest.mark.parametrize(
    ("block", "overrides", "expected"),
    [
        pytest.param(
            {},
            {},
            ("push/team/web", "http://push.team-web.svc.cluster.local:9091"),
            id="the service",
        ),
        pytest.param(
            {"servicePort": 80},
            {"team-web/push:80": ("http://127.0.0.1:9/",)},
            ("push:80/team/web", "http://127.0.0.1:9"),
            id="another port, replaced by the platform",
        ),
    ],
)
def test_a_pushgateway_is_found_by_dns(
    block: dict[str, Any], overrides: dict[str, tuple[str, ...]], expected: tuple[str, str]
) -> None:
    found = endpoints.of(pushgateway(**block), "team-web", Network(service_overrides=overrides))

    name, url = expected
    assert found == (Endpoint(id=name, kind="pushgateway", url=url, push_job="team/web"),)


def test_a_pushgateway_is_one_server() -> None:
    overrides = {"team-web/push:9091": ("http://a", "http://b")}

    assert endpoints.of(pushgateway(), "team-web", Network(service_overrides=overrides)) == Problem(
        path="$.spec.remoteWrite.target.pushgateway.serviceName",
        message="the platform has 2 URLs for team-web/push:9091, a Pushgateway needs one",
    )


def test_credentials_are_passed_on_by_reference() -> None:
    written, secret = {"name": "push", "key": "k"}, SecretRef(name="push", key="k")
    block = {
        "url": "https://m/",
        "authorization": {"type": "Token", "credentials": written},
        "oauth2": {"clientId": "c", "clientSecret": written, "tokenUrl": "https://t/"},
        "tlsConfig": {"cert": written, "keySecret": written, "serverName": "m"},
        "secretHeaders": {"X-Key": written},
    }
    target = {"type": "remote_write", "remoteWrite": block}
    asked = msgspec.convert({"enabled": True, "target": target}, RemoteWrite)

    found = endpoints.of(asked, "team-web", Network())

    assert not isinstance(found, Problem)
    [endpoint] = found
    assert msgspec.structs.replace(endpoint, id="") == Endpoint(
        id="",
        kind="remote_write",
        url="https://m/",
        secret_headers={"X-Key": secret},
        authorization=Authorization(type="Token", credentials=secret),
        oauth2=OAuth2(client_id="c", client_secret=secret, token_url="https://t/"),  # noqa: S106
        tls=TlsConfig(cert=secret, key=secret, server_name="m"),
    )


def test_a_telemeter_server_has_one_endpoint_for_each_cluster() -> None:
    def found(cluster: str) -> Endpoint:
        block = {
            "url": "https://push.example.com/telemeter/",
            "clusterId": cluster,
            "credentials": {"name": "push", "key": "token"},
            "tlsConfig": {"ca": {"name": "push", "key": "ca"}},
            "uploadInterval": "5m",
        }
        target = {"type": "telemeter", "telemeter": block}
        remote_write = msgspec.convert({"enabled": True, "target": target}, RemoteWrite)
        [endpoint] = endpoints.of(remote_write, "team-web", Network())  # type: ignore[misc]  # no problem
        return endpoint

    assert found("c1") == Endpoint(
        id="push.example.com-c92e7547",
        kind="telemeter",
        url="https://push.example.com/telemeter/upload",
        authorize=Authorize(
            id="c1",
            credentials=SecretRef(name="push", key="token"),
            url="https://push.example.com/telemeter/authorize",
        ),
        tls=TlsConfig(ca=SecretRef(name="push", key="ca")),
        upload_interval_ms=300_000,
        upload_bytes=512_000,
    )
    assert found("c2").id != found("c1").id


@pytest.mark.parametrize("url", [None, "https://push.example.com/authorize"])
def test_remote_writes_may_be_authorised_for_a_cluster(url: str | None) -> None:
    authorize = {"clusterId": "c1", "credentials": {"name": "push", "key": "token"}}
    block = {
        "url": "https://push.example.com/api/v1/write",
        "authorize": {**authorize, **({"url": url} if url else {})},
    }
    target = {"type": "remote_write", "remoteWrite": block}
    remote_write = msgspec.convert({"enabled": True, "target": target}, RemoteWrite)

    [endpoint] = endpoints.of(remote_write, "team-web", Network())  # type: ignore[misc]  # no problem

    assert endpoint.authorize == Authorize(
        id="c1", credentials=SecretRef(name="push", key="token"), url=url or ""
    )

"""An address and its labels become a target, or one thing that is wrong with them."""

import pytest

from discovery.target import Invalid, Target, make, unique


def test_labels_make_the_url_and_declare_the_rest() -> None:
    labels = {
        "__scheme__": "https",
        "__path_prefix__": "/prometheus/",
        "__metrics_path__": "/metrics",
        "__access__": "infra",
        "tenantry_ha_set": "eu",
        "tenantry_role": "global",
        "team": "sre",
    }

    assert make("prom-a:9090", labels, "a.yaml") == Target(
        id="prom-a:9090/prometheus",
        url="https://prom-a:9090/prometheus",
        labels={"tenantry_ha_set": "eu", "tenantry_role": "global", "team": "sre"},
        ha_set="eu",
        role="global",
        source="a.yaml",
        access="infra",
    )


def test_a_host_may_be_known_by_another_name_than_its_address() -> None:
    made = make("[2001:db8::1]:9090", {"__path_prefix__": "/p"}, "Pod m/a", host="m/a")

    assert isinstance(made, Target)
    assert (made.id, made.url) == ("m/a:9090/p", "http://[2001:db8::1]:9090/p")


@pytest.mark.parametrize(
    ("address", "labels", "url"),
    [
        pytest.param("prom:9090", {}, "http://prom:9090", id="host and port"),
        pytest.param("prom", {}, "http://prom:80", id="the port of http"),
        pytest.param("prom", {"__scheme__": "https"}, "https://prom:443", id="the port of https"),
        pytest.param("[2001:db8::1]:9090", {}, "http://[2001:db8::1]:9090", id="IPv6"),
        pytest.param("10.0.0.1:1", {"__path_prefix__": "/"}, "http://10.0.0.1:1", id="prefix /"),
    ],
)
def test_the_port_is_always_in_the_url(address: str, labels: dict[str, str], url: str) -> None:
    made = make(address, labels, "")

    assert isinstance(made, Target)
    assert (made.url, made.id) == (url, url.partition("://")[2])


def test_the_annotations_of_kubernetes_are_understood_as_labels() -> None:
    made = make("p:1", {"tenantry_io_shard": "s", "tenantry_io_role": "replica"}, "")

    assert isinstance(made, Target)
    assert (made.ha_set, made.role) == ("s", "replica")


@pytest.mark.parametrize(
    ("address", "labels", "expected"),
    [
        pytest.param("http://p:1", {}, Invalid("'http://p:1' is not host:port"), id="a URL"),
        pytest.param("p:1/x", {}, Invalid("'p:1/x' is not host:port"), id="with a path"),
        pytest.param("", {}, Invalid("'' is not host:port"), id="empty"),
        pytest.param("p:0", {}, Invalid("'p:0' is not host:port"), id="port 0"),
        pytest.param("p:65536", {}, Invalid("'p:65536' is not host:port"), id="port too large"),
        pytest.param("u@p:1", {}, Invalid("'u@p:1' is not host:port"), id="with a user"),
        pytest.param(
            "p:1",
            {"__scheme__": "ftp"},
            Invalid("'ftp' is neither http nor https", "__scheme__"),
            id="scheme",
        ),
        pytest.param(
            "p:1",
            {"__path_prefix__": "/a?b"},
            Invalid("'/a?b' is not a path", "__path_prefix__"),
            id="path prefix",
        ),
        pytest.param(
            "p:1",
            {"tenantry_role": "boss"},
            Invalid("'boss' is neither replica nor global", "tenantry_role"),
            id="role",
        ),
    ],
)
def test_what_is_wrong_is_said(address: str, labels: dict[str, str], expected: Invalid) -> None:
    assert make(address, labels, "") == expected


def target(address: str, source: str, labels: dict[str, str]) -> Target:
    made = make(address, labels, source)
    assert isinstance(made, Target)
    return made


def test_the_first_description_of_a_backend_counts_and_a_contradiction_is_said() -> None:
    first = target("p:1", "a", {"x": "1"})
    same = target("p:1", "b", {"x": "1"})
    other = target("p:1", "c", {"x": "2"})

    assert unique([first, same, other]) == (
        {"p:1": first},
        ("p:1 in c is ignored: a describes it otherwise",),
    )

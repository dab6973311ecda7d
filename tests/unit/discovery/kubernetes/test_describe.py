"""Address, annotations and rule make a target."""

import pytest

from discovery.kubernetes.describe import Note, Server, describe
from discovery.kubernetes.settings import Rule
from discovery.target import Target

POD = Server(address="10.0.0.1", port=9090, pod=("monitoring", "prom-0"))


def test_a_pod_is_known_by_its_name_and_annotations_declare_the_rest() -> None:
    annotations = {
        "tenantry.io/shard": "eu1",
        "tenantry.io/role": "global",
        "tenantry.io/cluster": "eu",
        "tenantry.io/path-prefix": "/prom",
        "prometheus.io/scheme": "https",
        "prometheus.io/scrape": "true",
    }
    rule = Rule(namespaces=("monitoring",), access="infra")

    assert describe(rule, "Pod monitoring/prom-0", POD, annotations, {"service": "p"}) == Target(
        id="monitoring/prom-0:9090/prom",
        url="https://10.0.0.1:9090/prom",
        labels={
            "namespace": "monitoring",
            "pod": "prom-0",
            "service": "p",
            "tenantry_ha_set": "eu1",
            "tenantry_role": "global",
            "tenantry_cluster": "eu",
        },
        ha_set="eu1",
        role="global",
        cluster="eu",
        source="Pod monitoring/prom-0",
        access="infra",
    )


@pytest.mark.parametrize(
    ("server", "id_", "url"),
    [
        pytest.param(
            Server(address="2001:db8::1", port=9090),
            "[2001:db8::1]:9090",
            "http://[2001:db8::1]:9090",
            id="IPv6",
        ),
        pytest.param(
            Server(address="2001:db8::1", port=9090, pod=("m", "a")),
            "m/a:9090",
            "http://[2001:db8::1]:9090",
            id="pod with an IPv6 address",
        ),
        pytest.param(
            Server(address="prom.example.com", port=80),
            "prom.example.com:80",
            "http://prom.example.com:80",
            id="name",
        ),
    ],
)
def test_addresses_become_urls(server: Server, id_: str, url: str) -> None:
    made = describe(Rule(), "s", server, {}, {})

    assert isinstance(made, Target)
    assert (made.id, made.url) == (id_, url)


@pytest.mark.parametrize(
    ("annotations", "rule", "url"),
    [
        pytest.param({}, Rule(scheme="https"), "https://10.0.0.1:9090", id="of the rule"),
        pytest.param(
            {"tenantry.io/scheme": "http", "prometheus.io/scheme": "https"},
            Rule(scheme="https", path_prefix="/x"),
            "http://10.0.0.1:9090/x",
            id="ours before others, both before the rule",
        ),
        pytest.param(
            {"tenantry.io/path-prefix": ""},
            Rule(path_prefix="/x"),
            "http://10.0.0.1:9090",
            id="no prefix here",
        ),
    ],
)
def test_scheme_and_path_are_those_of_the_annotations_or_the_rule(
    annotations: dict[str, str], rule: Rule, url: str
) -> None:
    made = describe(rule, "s", POD, annotations, {})

    assert isinstance(made, Target)
    assert made.url == url


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        pytest.param(
            {"tenantry.io/role": "leader"},
            "annotation tenantry.io/role: 'leader' is neither replica nor global",
            id="role",
        ),
        pytest.param(
            {"prometheus.io/scheme": "ftp"},
            "annotation tenantry.io/scheme: 'ftp' is neither http nor https",
            id="scheme",
        ),
        pytest.param(
            {"tenantry.io/path-prefix": "a b"},
            "annotation tenantry.io/path-prefix: 'a b' is not a path",
            id="path",
        ),
    ],
)
def test_an_annotation_that_cannot_be_meant_makes_no_target(
    annotations: dict[str, str], message: str
) -> None:
    assert describe(Rule(), "Pod m/a", POD, annotations, {}) == Note("Pod m/a", message)


def test_an_address_that_is_none_makes_no_target() -> None:
    odd = describe(Rule(), "s", Server(address="a/b@c", port=1), {}, {})

    assert odd == Note("s", "'a/b@c:1' is not host:port")

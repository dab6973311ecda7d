"""Everything that the objects say is put together, each server once."""

from tests.unit.discovery.kubernetes import manifests
from tests.unit.discovery.kubernetes.manifests import endpoint

from discovery.kubernetes import objects
from discovery.kubernetes.objects import EndpointSlice, Pod, Prometheus, Service
from discovery.kubernetes.settings import Rule
from discovery.kubernetes.survey import Objects, Survey, survey


def ids(found: Survey) -> dict[str, str]:
    return {target.id: target.source for target in found.targets}


def test_one_server_that_is_found_in_every_way_is_one_target() -> None:
    pod = objects.read(Pod, manifests.operated("p-0", shard=1))
    slices = [
        objects.read(
            EndpointSlice, manifests.slice_("six", endpoint("::1", pod="p-0"), family="IPv6")
        ),
        objects.read(EndpointSlice, manifests.slice_("four", endpoint("10.0.0.1", pod="p-0"))),
    ]
    service = manifests.service(annotations={"tenantry.io/role": "global"})

    found = survey(
        Rule(port="web"),
        Objects(
            prometheuses=[objects.read(Prometheus, manifests.prometheus(shards=0))],
            operated=[pod],
            pods=[pod],
            slices=slices,
            services=[objects.read(Service, service)],
            serving=slices,
        ),
    )

    (target,) = found.targets
    assert (target.id, target.url, target.part, target.role, target.source, target.labels) == (
        "monitoring/p-0:9090",
        "http://10.0.0.1:9090",
        "1",
        "global",
        "Prometheus monitoring/k8s",
        {
            "namespace": "monitoring",
            "pod": "p-0",
            "prometheus": "k8s",
            "service": "prometheus",
            "tenantry_role": "global",
        },
    )
    assert target.external_labels is not None
    assert found.notes == ()


def test_an_address_of_a_family_that_is_ready_wins() -> None:
    slices = [
        manifests.slice_("four", endpoint("10.0.0.1", pod="p-0", ready=False)),
        manifests.slice_("six", endpoint("::1", pod="p-0"), family="IPv6"),
    ]

    found = survey(Rule(), Objects(slices=[objects.read(EndpointSlice, one) for one in slices]))

    assert [(t.url, t.unready) for t in found.targets] == [("http://[::1]:9090", "")]


def test_annotations_select() -> None:
    wanted = {"prometheus.io/scrape": "true"}
    read = [
        objects.read(Pod, manifests.pod("a", annotations={**wanted, "x": "y"})),
        objects.read(Pod, manifests.pod("b", annotations={"prometheus.io/scrape": "false"})),
        objects.read(Pod, manifests.pod("c")),
    ]

    found = survey(Rule(annotation_selectors=wanted), Objects(pods=read))

    assert ids(found) == {"monitoring/a:9090": "Pod monitoring/a"}


def test_slices_belong_to_the_service_of_their_namespace() -> None:
    foreign = manifests.slice_("s", endpoint("10.0.0.1"))
    foreign["metadata"]["namespace"] = "other"

    found = survey(
        Rule(),
        Objects(
            services=[objects.read(Service, manifests.service())],
            serving=[objects.read(EndpointSlice, foreign)],
        ),
    )

    assert (ids(found), found.notes) == (
        {},
        ("Service monitoring/prometheus: there is no endpoint behind it",),
    )


def test_what_cannot_be_used_is_named_once() -> None:
    read = [objects.read(Pod, manifests.pod("a"))] * 2

    found = survey(Rule(port="http"), Objects(pods=read))

    assert found == Survey(
        targets=(), notes=("Pod monitoring/a: no container has a port named 'http'",)
    )

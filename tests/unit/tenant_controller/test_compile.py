"""Valid objects become policies and jobs; broken ones grant nothing and say so."""

from typing import Any

import pytest
import yaml

import tenantry_promql as promql
from tenant_controller import catalogue, compile, config, platform_settings
from tenant_controller.compile import Desired
from tenant_controller.platform_settings import Platform
from tenantry_common.contracts import DeliveryJob, Endpoint, Matcher, RelabelRule, RuleMatchers
from tenantry_common.subjects import JobRef
from tenantry_promql import RuleSet, parse_rule


def manifest(name: str, namespace: str = "team-web", **spec: Any) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "observability.ethos.io/v1alpha1",
            "kind": "MetricAccess",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"source": "s", "metrics": ["up"], **spec},
        }
    )


def platform(**settings: Any) -> Platform:
    return platform_settings.parse(config.Config(folder=config.Folder(path="m"), **settings))


def desired(*manifests: str, on: Platform | None = None) -> Desired:
    files = {f"{number}.yaml": text for number, text in enumerate(manifests)}
    return compile.everything(catalogue.read(files), on or platform())


def selectors(found: Desired, tenant: str) -> RuleSet:
    return RuleSet(
        tuple(promql.Matcher(m.label, m.op, m.value) for m in rule)
        for rule in found.policies[tenant].rules
    )


DELIVERY = {
    "enabled": True,
    "interval": "15s",
    "lookback": "2h",
    "target": {"type": "prometheus"},
    "prometheus": {"serviceName": "prometheus"},
    "extraLabels": {"tenant": "web"},
    "honorLabels": True,
    "metricRelabelings": [{"action": "labeldrop", "regex": "pod"}],
    "protocol": "auto",
}


def test_the_objects_of_a_tenant_are_a_union() -> None:
    found = desired(
        manifest("b", metrics=["a", "b"]),
        manifest("a", metrics=["c"], metricIsolation=True),
        manifest("a", "team-batch", metrics=["d"]),
    )

    assert {t: (p.objects, p.problems) for t, p in found.policies.items()} == {
        "team-web": (("a", "b"), ()),
        "team-batch": (("a",), ()),
    }
    union = RuleSet(map(parse_rule, ["a", "b", 'c{namespace="team-web"}']))
    assert selectors(found, "team-web") == union
    assert found.policies["team-web"].digest == union.digest
    assert found.jobs == {}


def test_a_delivery_becomes_a_job() -> None:
    found = desired(manifest("web", metrics=["a"], remoteWrite=DELIVERY))

    job = found.jobs[JobRef("team-web", "web")]
    assert job == DeliveryJob(
        tenant="team-web",
        name="web",
        digest=job.digest,
        rules=((Matcher("__name__", "=", "a"),),),
        interval_ms=15_000,
        lookback_ms=7_200_000,
        protocol="auto",
        extra_labels={"tenant": "web"},
        honor_labels=True,
        relabelings=(RelabelRule(action="labeldrop", regex="pod"),),
        endpoints=(
            Endpoint(
                id="prometheus",
                kind="prometheus",
                url="http://prometheus.team-web.svc.cluster.local:9090/api/v1/write",
            ),
        ),
    )


@pytest.mark.parametrize(
    ("change", "same"),
    [
        pytest.param({"interval": "30s"}, True, id="interval"),
        pytest.param({"prometheus": {"serviceName": "other"}}, True, id="endpoint"),
        pytest.param({"extraLabels": {"tenant": "x"}}, False, id="extra labels"),
        pytest.param({"honorLabels": False}, False, id="honorLabels"),
        pytest.param({"metricRelabelings": []}, False, id="relabelings"),
    ],
)
def test_the_digest_changes_with_what_decides_the_bytes(change: dict[str, Any], same: bool) -> None:
    found = desired(
        manifest("a", remoteWrite=DELIVERY), manifest("b", remoteWrite={**DELIVERY, **change})
    )

    digests = {job.digest for job in found.jobs.values()}
    assert len(digests) == (1 if same else 2)


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"remoteWrite": {**DELIVERY, "enabled": False}}, id="switched off"),
        pytest.param({"metrics": [], "remoteWrite": DELIVERY}, id="nothing granted"),
    ],
)
def test_there_is_no_job_without_delivery(spec: dict[str, Any]) -> None:
    found = desired(manifest("web", **spec))

    assert found.jobs == {}
    assert found.objects[0].is_valid


def test_a_broken_object_grants_nothing_and_its_tenant_is_told() -> None:
    found = desired(
        manifest("good", metrics=["a"]),
        manifest("bad", metrics=["b", "c{"], remoteWrite=DELIVERY),
        manifest("only", "team-broken", metrics=["{}"]),
    )

    assert selectors(found, "team-web") == RuleSet([parse_rule("a")])
    assert [(p.object, p.path) for p in found.policies["team-web"].problems] == [
        ("team-web/bad", "$.spec.metrics[1]")
    ]
    broken = found.policies["team-broken"]
    assert (broken.rules, broken.objects, len(broken.problems)) == ((), (), 1)
    assert found.jobs == {}


def test_an_object_without_a_valid_namespace_is_no_tenant() -> None:
    found = desired(manifest("a", "Not A Namespace"))

    assert found.policies == {}
    assert [finding.problem.path for finding in found.findings] == ["$.metadata.namespace"]


LIMITED = platform(
    boundaries=(
        config.Boundary(namespaces=("team-*",), selectors=('{namespace="$namespace"}', "up")),
    )
)


def test_a_boundary_narrows_queries_and_delivery_and_says_what_it_cut() -> None:
    rules = ["up", "a", 'b{namespace="team-web"}', 'c{namespace="other"}']
    found = desired(manifest("web", metrics=rules, remoteWrite=DELIVERY), on=LIMITED)

    left = ["up", '{__name__=~"a|b|up",namespace="team-web"}']
    assert selectors(found, "team-web") == RuleSet(map(parse_rule, left))
    assert found.jobs[JobRef("team-web", "web")].rules == found.policies["team-web"].rules
    assert [(p.path, p.severity, p.message) for p in found.policies["team-web"].problems] == [
        (
            "$.spec.metrics[1]",
            "warning",
            'the platform\'s boundary leaves a{namespace="team-web"} of this',
        ),
        ("$.spec.metrics[3]", "warning", "the platform's boundary leaves nothing of this"),
    ]


def test_a_target_that_the_platform_refuses_stops_the_delivery_alone() -> None:
    block = {"serviceName": "prometheus", "targetNamespace": "team-secret"}
    found = desired(manifest("web", remoteWrite={**DELIVERY, "prometheus": block}))

    assert found.jobs == {}
    assert selectors(found, "team-web") == RuleSet([parse_rule("up")])
    assert [(f.line > 0, f.problem.path, f.is_error) for f in found.findings] == [
        (True, "$.spec.remoteWrite.prometheus.targetNamespace", True)
    ]


def test_what_is_too_large_for_nats_is_refused_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compile, "_LARGEST_MESSAGE", 50)
    found = desired(manifest("large", remoteWrite=DELIVERY))

    policy = found.policies["team-web"]
    assert (policy.rules, policy.objects, len(policy.problems)) == ((), (), 1)
    assert "more than 50" in policy.problems[0].message
    assert found.jobs == {}


def test_what_did_not_change_is_not_compiled_again() -> None:
    on = platform()
    first = desired(manifest("cached-a"), manifest("b", metrics=["x"]), on=on)
    second = desired(manifest("cached-a"), manifest("b", metrics=["y"]), on=on)

    assert second.objects[0] is first.objects[0]
    assert second.objects[1] is not first.objects[1]


def test_rules_that_are_limited_to_clusters_are_kept_apart() -> None:
    found = desired(
        manifest("a", metrics=["everywhere"]),
        manifest("b", metrics=["b"], clusters=["us", "eu"]),
        manifest("c", metrics=["c"], clusters=["eu", "us", "eu"]),
        manifest("d", metrics=["d"], clusters=["eu"]),
    ).policies["team-web"]

    assert _rules(found.rules) == RuleSet([parse_rule("everywhere")])
    assert [(one.clusters, _rules(one.rules)) for one in found.limited] == [
        (("eu",), RuleSet([parse_rule("d")])),
        (("eu", "us"), RuleSet([parse_rule("b"), parse_rule("c")])),
    ]


def _rules(rules: tuple[RuleMatchers, ...]) -> RuleSet:
    return RuleSet(
        tuple(promql.Matcher(one.label, one.op, one.value) for one in rule) for rule in rules
    )

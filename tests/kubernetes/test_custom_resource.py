"""The CEL rules of the custom resource: that they compile, refuse what they should, and say why."""

from collections.abc import Iterator
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # ships no types
import pytest
import yaml
from tests.kubernetes import crd_rules
from tests.kubernetes.cluster import METRIC_ACCESSES, ROOT, Cluster
from tests.kubernetes.crd_cases import CASES, Case

from tenant_controller import crd
from tenantry_common.kubernetes import Failed, Invalid

SCHEMA = crd.definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
RULES = {
    f"{path} {number}": (schema, rule)
    for path, schema in crd_rules.nodes(SCHEMA)
    for number, rule in enumerate(schema.get("x-kubernetes-validations", ()))
}
NAMESPACE = "team-rules"


def document(case: Case) -> dict[str, Any]:
    return {
        "apiVersion": METRIC_ACCESSES.api_version,
        "kind": "MetricAccess",
        "metadata": {"name": "case", "namespace": NAMESPACE},
        "spec": case.spec,
    }


def people_wrote() -> Iterator[Any]:
    folders = (ROOT.parent / "shared" / "compat-manifests", ROOT / "examples" / "metricaccess")
    for file in sorted(file for folder in folders for file in folder.glob("*.yaml")):
        for number, found in enumerate(yaml.safe_load_all(file.read_text())):
            if found:
                yield pytest.param(found, id=f"{file.name} {number}")


@pytest.mark.parametrize(("schema", "rule"), RULES.values(), ids=RULES)
def test_a_rule_compiles_and_names_fields_that_exist(
    schema: dict[str, Any], rule: dict[str, str]
) -> None:
    assert crd_rules.program(rule["rule"], schema["type"]).return_type().name() == "BOOL"
    for path in crd_rules.fields(rule["rule"]):
        place = schema
        for name in path:
            place = place["properties"][name]


def test_what_a_rule_names_is_found() -> None:
    rule = "has(self.a.b) && self.c == 'x' && self.matches('y')"

    assert list(crd_rules.fields(rule)) == [("a", "b"), ("c",)]


def test_what_is_no_rule_does_not_compile() -> None:
    with pytest.raises(RuntimeError):
        crd_rules.program("self > duration('5s')", "string")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_rule_refuses_what_it_is_about_and_nothing_else(case: Case) -> None:
    stored = crd_rules.with_defaults(document(case), SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(stored)  # `validate` checks the schema, too

    found = list(crd_rules.violations(stored, SCHEMA))

    assert [path for path, _ in found] == ([case.at] if case.at else [])
    assert all(case.says in message for _, message in found)


def test_every_rule_is_broken_by_some_case() -> None:
    broken = {
        message
        for case in CASES.values()
        for _, message in crd_rules.violations(
            crd_rules.with_defaults(document(case), SCHEMA), SCHEMA
        )
    }

    assert broken == {rule["message"] for _, rule in RULES.values()}


@pytest.mark.parametrize("written", list(people_wrote()))
def test_what_people_wrote_meets_every_rule(written: dict[str, Any]) -> None:
    assert crd_rules.admitted(written, SCHEMA)[1] == []


async def test_the_api_server_refuses_the_same_with_path_and_reason(kube: Cluster) -> None:
    wrong = {}
    for name, case in CASES.items():
        try:
            await kube.apply_manifest(document(case))
        except Invalid as error:
            told = str(error)
        else:
            told = ""
        if bool(told) != bool(case.at) or case.at not in told or case.says not in told:
            wrong[name] = told

    assert wrong == {}


@pytest.mark.parametrize(
    ("spec", "at"),
    [
        pytest.param({"metrics": ["up"]}, "spec.source", id="no source"),
        pytest.param({"source": "s"}, "spec.metrics", id="no metrics"),
        pytest.param({"source": "s", "metrics": "up"}, "spec.metrics", id="metrics is no list"),
        pytest.param({"source": "s", "metrics": [""]}, "spec.metrics[0]", id="an empty metric"),
        pytest.param(
            {"source": "s", "metrics": ["up"], "remoteWrite": {"target": {"type": "kafka"}}},
            "spec.remoteWrite",
            id="an unknown type of target",
        ),
    ],
)
async def test_the_api_server_refuses_what_has_another_shape(
    kube: Cluster, spec: dict[str, Any], at: str
) -> None:
    given = {**document(CASES["what is usual"]), "spec": spec}

    with pytest.raises(Failed, match=r"(?i)invalid|required") as refused:
        await kube.apply_manifest(given)

    assert at.rpartition(".")[2].partition("[")[0] in str(refused.value)


async def test_what_nobody_knows_is_dropped_and_what_is_usual_filled_in(kube: Cluster) -> None:
    given = document(CASES["what is usual"])
    given["spec"] |= {"unheardOf": 1}

    stored = await kube.apply_manifest(given)

    assert "unheardOf" not in stored["spec"]
    assert stored["spec"]["remoteWrite"]["interval"] == "30s"
    assert stored["spec"]["remoteWrite"]["lookback"] == "1h"

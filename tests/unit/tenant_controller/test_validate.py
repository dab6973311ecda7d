"""A document is a valid MetricAccess, or all that is wrong with it is told at once."""

from pathlib import Path
from typing import Any

import pytest

from tenant_controller import documents
from tenant_controller.documents import Located
from tenant_controller.validate import validate
from tenantry_promql import Matcher

COMPATIBLE = Path(__file__).parents[4] / "shared" / "compat-manifests"
EXAMPLES = Path(__file__).parents[3] / "examples" / "metricaccess"


def document(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "observability.ethos.io/v1alpha1",
        "kind": "MetricAccess",
        "metadata": {"name": "web", "namespace": "team-web", "uid": "x"},
        "spec": {"source": "s", "metrics": ["up"], **spec},
        "status": {"validatedMetrics": ["up"]},
    }


def test_a_valid_object_grants_its_rules() -> None:
    found = validate(document(metricIsolation=True))

    assert found.access is not None
    assert (found.full_name, found.granted, found.problems) == (
        "team-web/web",
        ((Matcher("__name__", "=", "up"), Matcher("namespace", "=", "team-web")),),
        (),
    )


def test_a_warning_leaves_the_grant_as_it_is() -> None:
    found = validate(document(metrics=['{job="a.*"}']))

    assert found.access is not None
    assert [problem.severity for problem in found.problems] == ["warning"]
    assert len(found.granted) == 1


def test_any_error_takes_the_whole_grant() -> None:
    found = validate(document(metrics=["up", "up{"]))

    assert (found.access, found.granted) == (None, ())


def test_structure_and_meaning_are_told_together() -> None:
    broken = document(
        metrics=["up", "a(", '{job="a.*"}'],
        metricIsolaton=True,
        labelSelectors={"a-b": "c", "d": 1},
        remoteWrite={
            "enabled": True,
            "interval": "1s",
            "target": {"type": "carrier-pigeon"},
            "extraLabels": {"__name__": "x"},
        },
    )
    broken["apiVersion"] = "observability.ethos.io/v2"
    broken["metadata"] = {"name": "Web", "namespace": "team.web"}

    found = validate(broken)

    assert [(p.path, p.severity) for p in found.problems] == [
        ("$.spec.metricIsolaton", "error"),
        ("$.spec.labelSelectors.d", "error"),
        ("$.spec.remoteWrite.target.type", "error"),
        ("$.apiVersion", "error"),
        ("$.metadata.name", "error"),
        ("$.metadata.namespace", "error"),
        ("$.spec.labelSelectors.a-b", "error"),
        ("$.spec.metrics[1]", "error"),
        ("$.spec.metrics[2]", "warning"),
        ("$.spec.remoteWrite.interval", "error"),
        ("$.spec.remoteWrite.extraLabels.__name__", "error"),
    ]
    assert {p.object for p in found.problems} == {"team.web/Web"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({}, ["$.apiVersion", "$.kind", "$.metadata", "$.spec"], id="empty"),
        pytest.param([], ["$"], id="a list"),
        pytest.param(
            {**document(), "spec": None, "metadata": "x"},
            ["$.metadata", "$.spec"],
            id="no mappings",
        ),
        pytest.param({**document(), "data": {}}, ["$.data"], id="a field beside spec"),
        pytest.param({**document(), "kind": "Other"}, ["$.kind"], id="another kind"),
        pytest.param(
            {**document(), "spec": {"metrics": [1]}},
            ["$.spec.source", "$.spec.metrics[0]"],
            id="nothing follows from what is missing",
        ),
    ],
)
def test_incomplete_documents_are_told_by_path(value: object, expected: list[str]) -> None:
    assert [problem.path for problem in validate(value).problems] == expected


def test_the_examples_are_without_any_problem() -> None:
    files = sorted(EXAMPLES.glob("*.yaml"))

    found = [
        validate(located.document.value)
        for file in files
        for located in documents.read(file.read_text(), file.name)
        if isinstance(located, Located)
    ]

    assert [v.full_name for v in found] == [
        "platform/everything",
        "team-batch/batch",
        "team-web/web",
        "team-web/shared",
    ]
    assert [v.problems for v in found] == [(), (), (), ()]


def test_manifests_of_the_field_are_valid() -> None:
    """Where the manifests of adobe's users are at hand, each is accepted as it is."""
    problems = [
        (file.name, problem.path, problem.severity)
        for file in sorted(COMPATIBLE.glob("*.yaml"))
        for located in documents.read(file.read_text(), file.name)
        if isinstance(located, Located)
        for problem in validate(located.document.value).problems
    ]

    assert problems in (
        [],
        [("tenant-with-remote-write.yaml", "$.spec.remoteWrite.target.type", "warning")],
    )


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param({"clusters": []}, "at least one cluster", id="none"),
        pytest.param({"clusters": ["eu", ""]}, "at least one cluster", id="without a name"),
        pytest.param(
            {
                "clusters": ["eu"],
                "remoteWrite": {
                    "enabled": True,
                    "target": {"type": "prometheus"},
                    "prometheus": {"serviceName": "p"},
                },
            },
            "cannot be delivered",
            id="with delivery",
        ),
    ],
)
def test_a_limit_to_clusters_that_cannot_be_kept_grants_nothing(
    spec: dict[str, Any], message: str
) -> None:
    found = validate(document(**spec))

    assert found.access is None
    assert [(one.path, message in one.message) for one in found.problems] == [
        ("$.spec.clusters", True)
    ]


def test_a_grant_may_be_limited_to_clusters() -> None:
    assert validate(document(clusters=["eu"])).problems == ()

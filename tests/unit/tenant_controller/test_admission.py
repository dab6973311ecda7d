"""Bad objects are refused with every reason; nothing else is stood in the way of."""

from typing import Any

import msgspec
import pytest
from tests.unit.tenant_controller.compiling import item

from tenant_controller import admission
from tenant_controller.admission import NoReview

KIND = {"group": "observability.ethos.io", "version": "v1alpha1", "kind": "MetricAccess"}


def review(found: Any, **more: Any) -> bytes:
    request = {"uid": "u", "kind": KIND, "operation": "CREATE", "object": found} | more
    return msgspec.json.encode(
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    )


def answered(found: Any, **more: Any) -> dict[str, Any]:
    body = admission.review(review(found, **more)).body()
    assert (body["apiVersion"], body["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    assert body["response"]["uid"] == "u"
    response: dict[str, Any] = body["response"]
    return response


@pytest.mark.parametrize("operation", ["CREATE", "UPDATE"])
def test_a_good_object_is_admitted(operation: str) -> None:
    assert answered(item("up"), operation=operation) == {"uid": "u", "allowed": True}


@pytest.mark.parametrize("operation", ["CREATE", "UPDATE"])
def test_a_bad_object_is_refused_with_every_reason(operation: str) -> None:
    response = answered(item("up{", "{}", metricIsolation="x"), operation=operation)

    assert response["allowed"] is False
    assert response["status"]["code"] == 422
    for path in ("spec.metrics[0]: ", "spec.metrics[1]: ", "spec.metricIsolation: "):
        assert path in response["status"]["message"]


def test_a_doubtful_object_is_admitted_with_warnings() -> None:
    response = answered(item('{x=".*"}'))

    assert response["allowed"] is True
    assert response["warnings"][0].startswith("spec.metrics[0]: x=")


def test_very_many_problems_are_cut() -> None:
    response = answered(item(*(f"up{{{n}" for n in range(100))))

    assert response["status"]["message"].endswith("and 80 more")


def test_very_many_warnings_are_cut() -> None:
    warnings = answered(item(*(f'{{x{n}=".*"}}' for n in range(100))))["warnings"]

    assert len(warnings) == 10
    assert max(map(len, warnings)) <= 250


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"operation": "DELETE", "object": None}, id="a deletion"),
        pytest.param({"operation": "UPDATE", "subResource": "status"}, id="a status"),
        pytest.param({"kind": {"group": "", "kind": "Pod"}}, id="another kind"),
        pytest.param({"kind": None}, id="no kind"),
    ],
)
def test_what_is_none_of_our_business_is_admitted(more: dict[str, Any]) -> None:
    assert answered(item("up{"), **more)["allowed"] is True


def test_an_invalid_object_can_be_let_go() -> None:
    leaving = item("up{")
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    assert answered(leaving, operation="UPDATE")["allowed"] is True


def test_a_name_that_is_still_to_be_made_is_a_good_one() -> None:
    found = item("up")
    found["metadata"] = {"generateName": "a-"}

    assert answered(found, namespace="team-a")["allowed"] is True
    assert answered(found)["allowed"] is False  # but there must be a namespace


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="not JSON"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{}", id="no request"),
        pytest.param(
            b'{"apiVersion": "admission.k8s.io/v1beta1", "request": {"uid": "u"}}', id="v1beta1"
        ),
        pytest.param(b'{"apiVersion": "admission.k8s.io/v1", "request": {}}', id="no uid"),
    ],
)
def test_what_is_no_review_is_refused(content: bytes) -> None:
    with pytest.raises(NoReview):
        admission.review(content)

"""The custom resource is that of the Structs, a structural schema, and takes what people wrote."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # ships no types
import pytest
import yaml
from scripts import crd as script
from tests.kubernetes.crd_rules import nodes, pruned, with_defaults

from tenant_controller import crd
from tenant_controller.validate import validate

MANIFESTS = Path(__file__).parents[4] / "shared" / "compat-manifests"
EXAMPLES = Path(__file__).parents[3] / "examples" / "metricaccess"
VERSION = crd.definition()["spec"]["versions"][0]
ROOT = VERSION["schema"]["openAPIV3Schema"]


NODES = list(nodes(ROOT))


def test_the_file_is_what_the_structs_say() -> None:
    assert script.FILE.read_text() == script.text(), "run scripts/crd.py"
    assert yaml.safe_load(script.text()) == crd.definition()


@pytest.mark.parametrize(("path", "schema"), NODES, ids=[path or "root" for path, _ in NODES])
def test_the_schema_is_structural(path: str, schema: Mapping[str, Any]) -> None:
    known = {
        *("type", "format", "description", "default", "enum", "required", "properties", "items"),
        *(
            "additionalProperties",
            "maxItems",
            "minItems",
            "maxLength",
            "minLength",
            "maxProperties",
        ),
        *("minimum", "maximum", "pattern", "x-kubernetes-list-type"),
        *("x-kubernetes-list-map-keys", "x-kubernetes-validations"),
    }
    assert set(schema) <= known
    assert schema["type"] in {"object", "array", "string", "integer", "boolean"}
    assert not ("properties" in schema and "additionalProperties" in schema)
    if schema["type"] == "array":
        assert schema["x-kubernetes-list-type"] in {"atomic", "map"}
        for key in schema.get("x-kubernetes-list-map-keys", ()):
            assert key in schema["items"]["required"]
    if "[]" not in path[-2:] and path not in ("", ".metadata"):
        assert schema["description"]
    if "default" in schema:
        jsonschema.validate(schema["default"], schema)


def test_what_a_rule_looks_at_has_a_greatest_size() -> None:
    unbounded = []
    for path, schema in NODES:
        if "x-kubernetes-validations" not in schema:
            continue
        if schema["type"] == "string" and "maxLength" not in schema:
            unbounded.append(path)
        for parent, outer in NODES:
            inside = path.startswith(f"{parent}[]") and outer["type"] == "array"
            if inside and "maxItems" not in outer:
                unbounded.append(f"{path} in {parent}")
        for rule in schema["x-kubernetes-validations"]:
            assert rule["message"]
            assert ".all(" not in rule["rule"]  # none of them walks what people wrote

    assert unbounded == []


def test_kubectl_shows_what_matters() -> None:
    names = crd.definition()["spec"]["names"]
    shown = [c["name"] for c in VERSION["additionalPrinterColumns"] if not c["priority"]]

    assert (names["shortNames"], VERSION["subresources"]) == (["ma"], {"status": {}})
    assert shown == ["Ready", "Rules", "Target", "Last Collection", "Lag", "Age"]


def written() -> list[Any]:
    """Return documents that apply, with their file and name."""
    files = [*EXAMPLES.glob("*.yaml"), *(MANIFESTS.glob("*.yaml") if MANIFESTS.is_dir() else ())]
    return [
        pytest.param(document, id=f"{file.name} {document['metadata']['name']}")
        for file in sorted(files)
        for document in yaml.safe_load_all(file.read_text())
        if document
    ]


@pytest.mark.parametrize("document", written())
def test_what_people_wrote_applies_and_loses_nothing(document: dict[str, Any]) -> None:
    jsonschema.validate(document, ROOT)

    stored = with_defaults(pruned(document, ROOT), ROOT)

    assert pruned(document, ROOT) == {**document, "metadata": {}}
    was, now = validate(document), validate({**stored, "metadata": document["metadata"]})
    assert (now.granted, now.problems) == (was.granted, was.problems)
    assert now.access == was.access


GOOD: dict[str, Any] = {
    "apiVersion": "observability.ethos.io/v1alpha1",
    "kind": "MetricAccess",
    "metadata": {"name": "a", "namespace": "b"},
    "spec": {
        "source": "s",
        "metrics": ["up"],
        "remoteWrite": {
            "enabled": True,
            "target": {"type": "prometheus", "prometheus": {"serviceName": "p"}},
        },
    },
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("spec", None, id="no spec"),
        pytest.param("spec.metrics", None, id="no metrics"),
        pytest.param("spec.metrics", "up", id="metrics is no list"),
        pytest.param("spec.metrics", [""], id="an empty metric"),
        pytest.param("spec.metrics", ["x"] * 2001, id="too many metrics"),
        pytest.param("spec.source", None, id="no source"),
        pytest.param("spec.metricIsolation", "yes", id="a text for a boolean"),
        pytest.param("spec.remoteWrite.enabled", None, id="enabled is not said"),
        pytest.param("spec.remoteWrite.target", None, id="no target"),
        pytest.param("spec.remoteWrite.target.type", "kafka", id="an unknown target"),
        pytest.param("spec.remoteWrite.target.prometheus.serviceName", "a_b", id="no service"),
        pytest.param("spec.remoteWrite.target.prometheus.servicePort", 70000, id="no port"),
        pytest.param("spec.remoteWrite.target.prometheus.replicas", 33, id="too many replicas"),
        pytest.param("spec.remoteWrite.collection", "some", id="an unknown collection"),
        pytest.param("spec.remoteWrite.protocol", "3.0", id="an unknown protocol"),
        pytest.param("spec.remoteWrite.extraLabels", {"a": 1}, id="a number as a label"),
        pytest.param(
            "spec.remoteWrite.remoteWrite", {"url": "https://u:p@x/"}, id="credentials in a URL"
        ),
    ],
)
def test_the_api_server_refuses_what_has_the_wrong_shape(path: str, value: Any) -> None:
    document = copy.deepcopy(GOOD)
    *parents, last = path.split(".")
    place = document
    for name in parents:
        place = place[name]
    if value is None:
        del place[last]
    else:
        place[last] = value

    jsonschema.validate(GOOD, ROOT)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, ROOT)

"""The CustomResourceDefinition of MetricAccess, made from its Structs and `crd_notes`; pure."""

import inspect as docs
from collections.abc import Mapping
from typing import Any

from msgspec import NODEFAULT, inspect

from tenant_controller import crd_notes, metric_access, status_fields
from tenant_controller.metric_access import API_VERSION, GROUP, KIND

type Schema = dict[str, Any]

PLURAL = "metricaccesses"
_FIRST = ("type", "format", "description")


def definition() -> Schema:
    """Return the whole object, of `apiextensions.k8s.io/v1`."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{PLURAL}.{GROUP}",
            "labels": {"app.kubernetes.io/part-of": "tenantry"},
        },
        "spec": {
            "group": GROUP,
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": "metricaccess",
                "shortNames": ["ma"],
                "categories": ["observability", "tenantry"],
            },
            "scope": "Namespaced",
            "versions": [_version()],
        },
    }


def _version() -> Schema:
    return {
        "name": API_VERSION.rpartition("/")[2],
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": _columns(),
        "schema": {"openAPIV3Schema": _root()},
    }


def _root() -> Schema:
    return {
        "type": "object",
        "description": "What the tenant of a namespace may see of the shared metrics, and where "
        "it is delivered.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": "Version of this kind of object."},
            "kind": {"type": "string", "description": KIND},
            "metadata": {"type": "object"},
            "spec": _struct(inspect.type_info(metric_access.Spec)),
            "status": _struct(inspect.type_info(status_fields.Status)),
        },
    }


def _columns() -> list[Schema]:
    ready = '.status.conditions[?(@.type=="Ready")]'
    boundary = '.status.conditions[?(@.type=="BoundaryApplied")]'
    delivery = ".status.remoteWrite"
    columns = [
        ("Ready", "string", f"{ready}.status", "Whether everything that it asks for is so", 0),
        ("Rules", "integer", ".status.rules", "Rules in force", 0),
        ("Target", "string", ".spec.remoteWrite.target.type", "Where it is delivered", 0),
        ("Last Collection", "date", f"{delivery}.lastCollection", "Age of the last collection", 0),
        ("Lag", "integer", f"{delivery}.lagSeconds", "Seconds that delivery is behind", 0),
        ("Age", "date", ".metadata.creationTimestamp", "Age of the object", 0),
        ("Reason", "string", f"{ready}.reason", "Why it is ready or not", 1),
        ("Boundary", "string", f"{boundary}.reason", "What the platform's boundary did", 1),
        ("Error", "string", f"{delivery}.lastError", "Why delivery does not go on", 1),
    ]
    return [
        {"name": name, "type": kind, "jsonPath": path, "description": text, "priority": priority}
        for name, kind, path, text, priority in columns
    ]


def _struct(kind: inspect.Type) -> Schema:
    if not isinstance(kind, inspect.StructType):
        raise TypeError(f"{kind} is no Struct")
    notes = crd_notes.OF_FIELDS[kind.cls]
    unknown = set(notes) - {field.encode_name for field in kind.fields}
    if unknown:
        raise KeyError(f"notes about fields that {kind.cls.__name__} does not have: {unknown}")
    required = [field.encode_name for field in kind.fields if field.required]
    return {
        "type": "object",
        "description": " ".join((docs.getdoc(kind.cls) or "").split()),
        **({"required": required} if required else {}),
        "properties": {
            field.encode_name: _field(field, notes[field.encode_name]) for field in kind.fields
        },
        **crd_notes.OF_STRUCTS.get(kind.cls, {}),
    }


def _field(field: inspect.Field, note: Mapping[str, Any]) -> Schema:
    schema = _of_type(field.type)
    items = note.get("items", {})
    schema |= {name: value for name, value in note.items() if name != "items"}
    if items:
        schema["items"] = {**schema["items"], **items}
    # What is empty by default is just not there; only a value that means something is filled in.
    if field.default is not NODEFAULT and field.default not in (None, "", False, ()):
        schema["default"] = field.default
    first = {name: schema[name] for name in _FIRST if name in schema}
    return {**first, **{name: value for name, value in schema.items() if name not in _FIRST}}


def _of_type(kind: inspect.Type) -> Schema:
    match kind:
        case inspect.StructType():
            return _struct(kind)
        case inspect.UnionType():  # here always: something or nothing
            (inner,) = (one for one in kind.types if not isinstance(one, inspect.NoneType))
            return _of_type(inner)
        case inspect.DictType():
            return {"type": "object", "additionalProperties": _of_type(kind.value_type)}
        case inspect.VarTupleType():
            return {"type": "array", "items": _of_type(kind.item_type)}
        case inspect.LiteralType():
            return {"type": "string", "enum": list(kind.values)}
        case inspect.StrType():
            return {"type": "string"}
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.IntType():
            return {"type": "integer"}
        case _:
            raise TypeError(f"no schema for {kind}")

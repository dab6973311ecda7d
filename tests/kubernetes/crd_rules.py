"""What an API server makes of a document by the schema of its kind: pruned, defaults filled in, CEL rules run.

The rules are compiled and run by Google's own implementation of CEL, with `self` typed as the schema
says. It knows `duration` without the units µs and μs, which Kubernetes' has.
"""

import copy
import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # ships no types
from cel_expr_python import cel  # type: ignore[import-untyped]  # lacks py.typed

type Schema = Mapping[str, Any]

_TYPES = {
    "object": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
    "array": cel.Type.List(cel.Type.DYN),
    "string": cel.Type.STRING,
    "integer": cel.Type.INT,
    "boolean": cel.Type.BOOL,
}
_FIELD = re.compile(r"\bself((?:\.[a-zA-Z_]\w*)+)(?!\w*\()")


def nodes(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield every schema below `schema` with its path."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from nodes(inner, f"{path}.{name}")
    for name in ("items", "additionalProperties"):
        if name in schema:
            yield from nodes(schema[name], f"{path}[]")


def pruned(value: Any, schema: Schema) -> Any:
    """Drop what the schema does not know."""
    if (isinstance(value, dict) and "properties" in schema) or schema == {"type": "object"}:
        known = schema.get("properties", {})
        return {name: pruned(inner, known[name]) for name, inner in value.items() if name in known}
    if isinstance(value, list):
        return [pruned(inner, schema["items"]) for inner in value]
    return value


def with_defaults(value: Any, schema: Schema) -> Any:
    """Fill in the defaults."""
    if isinstance(value, list):
        return [with_defaults(inner, schema["items"]) for inner in value]
    if not isinstance(value, dict) or "properties" not in schema:
        return value
    made = {name: with_defaults(v, schema["properties"][name]) for name, v in value.items()}
    for name, inner in schema["properties"].items():
        if "default" in inner:
            made.setdefault(name, copy.deepcopy(inner["default"]))
    return made


def violations(value: Any, schema: Schema, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield path and message of every rule that `value`, which fits the schema, does not meet."""
    for rule in schema.get("x-kubernetes-validations", ()):
        if (
            program(rule["rule"], schema["type"]).eval(data={"self": value}).plain_value()
            is not True
        ):
            yield path.lstrip("."), rule["message"]
    if isinstance(value, dict):
        known = schema.get("properties", {})
        for name, inner in value.items():
            of_inner = known.get(name) or schema.get("additionalProperties")
            if of_inner is not None:
                yield from violations(inner, of_inner, f"{path}.{name}")
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from violations(inner, schema["items"], f"{path}[{number}]")


def admitted(document: dict[str, Any], schema: Schema) -> tuple[dict[str, Any], list[str]]:
    """Return a document as it is stored, and why it is refused, if it is: each with its path."""
    metadata = {"metadata": document["metadata"]}
    made = {**with_defaults(pruned(document, schema), schema), **metadata}
    wrong = [
        f"{error.json_path.removeprefix('$.')}: Invalid value: {error.message}"
        for error in jsonschema.Draft202012Validator(schema).iter_errors(made)
    ]
    # As the real one, which runs rules on what has the right shape.
    wrong = wrong or [f"{path}: Invalid value: {text}" for path, text in violations(made, schema)]
    return made, wrong


@functools.cache
def program(rule: str, kind: str) -> cel.Expression:
    """Compile a rule about a value of the schema's type `kind`. Raises RuntimeError: it is none."""
    environment = cel.NewEnv(variables={"self": _TYPES[kind]})
    return environment.compile(rule)


def fields(rule: str) -> Iterator[tuple[str, ...]]:
    """Yield the paths of the fields that a rule names."""
    for found in _FIELD.finditer(rule):
        yield tuple(found[1].strip(".").split("."))

"""The list of endpoints as an OpenAPI description; pure."""

from query_gateway import endpoints
from query_gateway.endpoints import ENDPOINTS, Endpoint

type Json = dict[str, object]

_FORM = "application/x-www-form-urlencoded"
_ERRORS = {
    "400": "The request makes no sense.",
    "401": "Nobody who is believed says who is asking.",
    "403": "The tenant is not known, or not the caller's.",
    "404": "There is no such endpoint.",
    "405": "The endpoint does not take this method.",
    "408": "The body did not arrive.",
    "413": "The request is too long.",
    "415": "The body is not what the endpoint takes.",
    "422": "The request cannot be answered exactly, or exceeds a limit.",
    "429": "The tenant has too many requests under way.",
    "500": "An answer failed a check, or a bug.",
    "503": "No backend, or no policies, for the time being.",
}
_STRINGS: Json = {"type": "array", "items": {"type": "string"}}
_TEXT: Json = {"type": "string"}


def description(list_: tuple[Endpoint, ...] = ENDPOINTS) -> Json:
    """Return the description. Paths below `/tenants/{tenant}` mean the same and are left out."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tenantry query gateway",
            "version": "1",
            "description": "Prometheus' HTTP API, restricted to what a tenant may see.",
        },
        "paths": {endpoint.path: _path(endpoint) for endpoint in list_},
        "components": {
            "schemas": {
                "Error": _object(status={"const": "error"}, errorType=_TEXT, error=_TEXT),
                **{name: _object(**fields) for name, fields in _DATA.items()},
            }
        },
    }


def _path(endpoint: Endpoint) -> Json:
    return {method.lower(): _operation(endpoint, method) for method in sorted(endpoint.methods)}


def _operation(endpoint: Endpoint, method: str) -> Json:
    names = sorted(endpoint.single | endpoint.several | _selectors(endpoint))
    required = _required(endpoint)
    operation: Json = {
        "operationId": f"{method.lower()}_{endpoint.name}",
        "summary": endpoint.summary,
        "responses": {"200": _success(endpoint), **_failures()},
    }
    path = [_parameter("name", "path", _TEXT, required=True)] if "{name}" in endpoint.path else []
    if method == "GET":
        query = [
            _parameter(name, "query", _schema(endpoint, name), required=name in required)
            for name in names
        ]
        return {**operation, "parameters": path + query}
    return {**operation, "parameters": path, "requestBody": _body(endpoint, names, required)}


def _body(endpoint: Endpoint, names: list[str], required: set[str]) -> Json:
    if endpoint.takes_message:
        binary: Json = {"type": "string", "contentEncoding": "binary"}
        return {"required": True, "content": {"application/x-protobuf": {"schema": binary}}}
    schema: Json = {
        "type": "object",
        "properties": {name: _schema(endpoint, name) for name in names},
        "required": sorted(required),
    }
    return {"required": bool(required), "content": {_FORM: {"schema": schema}}}


def _selectors(endpoint: Endpoint) -> set[str]:
    return set() if endpoint.selectors == "none" else {endpoints.MATCH}


def _required(endpoint: Endpoint) -> set[str]:
    query = {endpoints.QUERY} if endpoint.takes_query else set[str]()
    return query | (_selectors(endpoint) if endpoint.selectors == "required" else set())


def _schema(endpoint: Endpoint, name: str) -> Json:
    several = name in endpoint.several or name in _selectors(endpoint)
    return _STRINGS if several else _TEXT


def _parameter(name: str, where: str, schema: Json, *, required: bool) -> Json:
    return {"name": name, "in": where, "schema": schema, "required": required}


def _success(endpoint: Endpoint) -> Json:
    match endpoint.answer:
        case "description":
            return _answer("This description.", {"application/json": {"type": "object"}})
        case "federation":
            return _answer("Samples.", {"text/plain": _TEXT})
        case "search":
            return _answer("Lines of JSON.", {"application/x-ndjson": _TEXT})
        case "remote read":
            return _answer("Series.", {"application/x-protobuf": _TEXT})
        case "access" | "explanation":
            data: Json = {"$ref": f"#/components/schemas/{endpoint.answer.capitalize()}"}
        case _:
            data = {}
    envelope = _object(status={"const": "success"}, data=data)
    return _answer("The answer.", {"application/json": envelope})


def _failures() -> Json:
    schema: Json = {"$ref": "#/components/schemas/Error"}
    return {status: _answer(text, {"application/json": schema}) for status, text in _ERRORS.items()}


def _answer(text: str, content: dict[str, Json]) -> Json:
    return {
        "description": text,
        "content": {kind: {"schema": schema} for kind, schema in content.items()},
    }


def _object(**fields: Json) -> Json:
    return {"type": "object", "properties": fields, "required": sorted(fields)}


_CONFLICT = _object(rule=_TEXT, labels=_STRINGS)
_DATA: dict[str, dict[str, Json]] = {
    "Access": {
        "tenant": _TEXT,
        "selectors": _STRINGS,
        "everything": {"type": "boolean"},
        "digest": _TEXT,
    },
    "Explanation": {
        "query": _TEXT,
        "rewritten": _STRINGS,
        "refusal": _TEXT,
        "selectors": {
            "type": "array",
            "items": _object(
                line={"type": "integer"},
                column={"type": "integer"},
                text=_TEXT,
                outcome={"enum": ["permitted", "restricted", "split", "empty", "refused"]},
                admittedBy=_STRINGS,
                injected=_STRINGS,
                conflicts={"type": "array", "items": _CONFLICT},
                reason=_TEXT,
            ),
        },
    },
}

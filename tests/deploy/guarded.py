"""An API server that knows roles: it notes every call, and refuses what a role does not allow."""

import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Any, NamedTuple, override

import aiohttp.web
import kmock
from tests.kubernetes.api_server import ApiServer

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Call(NamedTuple):
    """What RBAC decides about."""

    verb: str
    group: str
    resource: str
    """With its subresource: `metricaccesses/status`."""

    @override
    def __str__(self) -> str:
        return f"{self.verb} {self.resource}.{self.group}".rstrip(".")


def granted(rules: Iterable[dict[str, Any]]) -> set[Call]:
    """Return what rules of a role allow, one by one; a wildcard would stand for itself."""
    return {
        Call(verb, group, resource)
        for rule in rules
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def parse(request: aiohttp.web.BaseRequest) -> tuple[Call, str]:
    """Return what a request asks for, and the object's name if it is about one."""
    parts = request.path.strip("/").split("/")
    group, parts = ("", parts[2:]) if parts[0] == "api" else (parts[1], parts[3:])
    if parts[0] == "namespaces" and len(parts) > 2:
        parts = parts[2:]
    resource, name, *sub = [*parts, ""] if len(parts) == 1 else parts
    verb = _VERBS.get(request.method)
    if verb is None:
        watching = request.query.get("watch") in ("1", "true")
        verb = "get" if name else "watch" if watching else "list"
    return Call(verb, group, "/".join([resource, *sub])), name


class Guarded(ApiServer):
    """An API server for one user."""

    def __init__(self, rules: Iterable[dict[str, Any]], **options: Any) -> None:
        super().__init__(**options)
        self._rules = tuple(rules)
        self.calls: set[Call] = set()
        self.refused: set[Call] = set()

    @override
    async def __call__(self, raw_request: aiohttp.web.BaseRequest) -> aiohttp.web.StreamResponse:
        call, name = parse(raw_request)
        self.calls.add(call)
        if not self._allows(call, name):
            self.refused.add(call)
            status = {"kind": "Status", "apiVersion": "v1", "code": 403, "reason": "Forbidden"}
            return aiohttp.web.json_response(status, status=403)
        return await super().__call__(raw_request)

    def _allows(self, call: Call, name: str) -> bool:
        return any(
            call in granted([rule])
            and ("resourceNames" not in rule or name in rule["resourceNames"])
            for rule in self._rules
        )


@contextlib.asynccontextmanager
async def running(rules: Iterable[dict[str, Any]]) -> AsyncIterator[Guarded]:
    """Yield a server that listens on a free port."""
    async with Guarded(rules) as server, kmock.Server(server):
        yield server

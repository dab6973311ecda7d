"""The answers for which no backend is asked; pure."""

from collections.abc import Sequence

import msgspec

import tenantry_promql as promql
from query_gateway import endpoints, openapi, status, tenant_pages
from query_gateway.endpoints import Answer
from query_gateway.enforce import explained
from query_gateway.parameters import Arguments
from query_gateway.permission import Permission
from query_gateway.route import Route, strictest
from tenantry_common.contracts import Backend

_DESCRIPTION = msgspec.json.encode(openapi.description())


def body(
    answer: Answer,
    arguments: Arguments,
    *,
    tenant: str,
    permission: Permission,
    known: Sequence[Backend],
    routes: Sequence[Route],
    limits: promql.Limits,
    started: float,
) -> bytes:
    """Return the answer. `routes` lead to where the tenant may see something; `started` is when the
    gateway was, in seconds since the epoch.

    Raises `Failure` for a query that cannot be read.
    """
    if answer == "description":
        return _DESCRIPTION
    query = arguments.single.get(endpoints.QUERY, "")
    data: object
    match answer:
        case "formatted query":
            with explained("query"):
                data = promql.format_query(query, limits=limits)
        case "parsed query":
            with explained("query"):
                data = promql.parse_tree(query, limits=limits)
        case "build info":
            data = status.build_info(known)
        case "runtime info":
            data = status.runtime_info(started)
        case "features":
            data = status.features(known)
        case "access":
            data = tenant_pages.access(tenant, permission)
        case "explanation":
            data = tenant_pages.explanation(query, permission, strictest(known), limits, routes)
        case _:
            raise AssertionError(f"the answer of kind {answer} needs a backend")
    return msgspec.json.encode({"status": "success", "data": data})

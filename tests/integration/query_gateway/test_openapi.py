"""schemathesis finds no answer that the served description does not promise."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from aiohttp import web
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS, load_all_checks

from query_gateway import openapi
from query_gateway.testing import FakePrometheus, gateway, json_answer

TENANT = {"X-Tenant-Namespace": "shop"}
load_all_checks()
PROMISED = [
    CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "unsupported_method",
    )
]
"""Which PromQL makes sense no schema can say, so not whether what fits the schema is accepted."""

_VECTOR = {"resultType": "vector", "result": [{"metric": {}, "value": [1, "1"]}]}
_MATRIX = {"resultType": "matrix", "result": []}
_DATA: dict[str, Any] = {
    "/api/v1/query": _VECTOR,
    "/api/v1/query_range": _MATRIX,
    "/api/v1/metadata": {},
    "/api/v1/rules": {"groups": []},
}


async def answer(request: web.Request) -> web.StreamResponse:
    """Answer as an empty Prometheus does."""
    if request.path == "/federate":
        return web.Response(text="", content_type="text/plain")
    if request.path.startswith("/api/v1/search/"):
        body = b'{"results":[]}\n{"status":"success","has_more":false}\n'
        return web.Response(body=body, content_type="application/x-ndjson")
    return await json_answer(_DATA.get(request.path, []))(request)


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """The URL of a gateway that runs in a thread of its own, since schemathesis blocks its own."""
    started: list[str] = []
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()

    async def serve() -> None:
        fake = FakePrometheus(answer=answer)
        async with gateway([fake]) as harness:
            harness.backends.snapshot["a"] = fake.backend(traits={"major": 3})
            harness.policies.grant("shop", '{namespace="shop"}', "up")
            started.append(str(harness.client.make_url("")).rstrip("/"))
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    yield started[0]
    loop.call_soon_threadsafe(ended.set)
    thread.join(10)
    loop.close()


def test_the_description_that_is_served_is_this(served: str) -> None:
    found = requests.get(f"{served}/api/v1/tenant/openapi.json", headers=TENANT, timeout=10)

    assert found.json() == openapi.description()


# Remote read is no form: what is random there is not even snappy (tests/leakage has what is).
SCHEMA = schemathesis.openapi.from_dict(openapi.description()).exclude(path="/api/v1/read")


@pytest.mark.timeout(300)
@SCHEMA.parametrize()
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_is_promised(case: Any, served: str) -> None:
    case.call_and_validate(base_url=served, headers=TENANT, checks=PROMISED)

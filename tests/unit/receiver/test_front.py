"""Failures become answers, and a connection whose body was not read is not used again."""

from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from receiver import refusal
from receiver.front import Front
from receiver.metrics import Metrics

type Answer = Callable[[web.Request], Awaitable[web.Response]]


def app(answer: Answer) -> tuple[web.Application, CollectorRegistry]:
    registry = CollectorRegistry()
    made = web.Application()
    Front(Metrics(registry)).install(made)
    made.router.add_post("/", answer, name="upload")
    return made, registry


async def refuse(_: web.Request) -> web.Response:
    raise refusal.too_often("again?", 7)


async def fail(_: web.Request) -> web.Response:
    raise RuntimeError("secret")


async def nobody(_: web.Request) -> web.Response:
    raise refusal.unauthenticated("who?")


@pytest.mark.parametrize(
    ("answer", "status", "header", "value", "text"),
    [
        pytest.param(refuse, 429, "Retry-After", "7", "again?\n", id="refused"),
        pytest.param(nobody, 401, "WWW-Authenticate", "Bearer", "who?\n", id="nobody"),
        pytest.param(fail, 500, "Connection", "close", "internal error\n", id="our own fault"),
    ],
)
async def test_a_failure_is_an_answer_and_is_counted(
    answer: Answer, status: int, header: str, value: str, text: str
) -> None:
    made, registry = app(answer)
    async with TestClient(TestServer(made)) as client:
        got = await client.post("/", data=b"x" * 100_000)
        said = await got.text()

    assert (got.status, got.headers[header], said) == (status, value, text)
    labels = {"endpoint": "upload", "status": str(status)}
    assert registry.get_sample_value("tenantry_receiver_requests_total", labels) == 1


async def test_what_is_not_there_is_told_without_a_fuss() -> None:
    made, _ = app(refuse)
    async with TestClient(TestServer(made)) as client:
        missing = await client.post("/elsewhere")
        method = await client.get("/")

    assert (missing.status, method.status, method.headers["Allow"]) == (404, 405, "POST")

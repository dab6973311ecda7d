"""Tokens of clusters, from servers that answer as they are told."""

import base64
import json
import math
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from multidict import CIMultiDict

from tenantry_common.contracts import Authorize, SecretRef
from tenantry_local.ports import free_port
from writer import access, authorised, exchange, outcome

ANSWER = {"version": 1, "token": "t", "expiresInSeconds": 86400, "labels": {"_id": "c&1"}}
WAY = access.Granted(headers=CIMultiDict({"X-Secret": "of the endpoint"}))


class Server:
    """Records what reached it."""

    def __init__(self) -> None:
        self.status, self.body, self.headers = 200, json.dumps(ANSWER), {"Retry-After": "7"}
        self.seen: list[tuple[str, str, bool]] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        seen = request.query["id"], request.headers["Authorization"], "X-Secret" in request.headers
        self.seen.append(seen)
        return web.Response(status=self.status, text=self.body, headers=self.headers)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    found = Server()
    app = web.Application()
    app.router.add_post("/authorize", found.handle)
    async with TestServer(app) as running:
        found.url = str(running.make_url("/authorize"))
        yield found


async def fetch(url: str) -> authorised.Token | outcome.CredentialsFault | outcome.Retry:
    wanted = Authorize(id="c&1", credentials=SecretRef(name="s", key="k"), url=url)
    async with exchange.session(5) as http:
        return await authorised.fetch(http, wanted, "long-lived", WAY, lambda: 1000.0)


async def test_a_credential_is_exchanged_for_a_token_and_labels(server: Server) -> None:
    found = await fetch(server.url)

    assert found == authorised.Token(
        text="t", credential="long-lived", labels={"_id": "c&1"}, until=1000 + 86400 - 60
    )
    assert server.seen == [("c&1", "Bearer long-lived", False)]
    assert "long-lived" not in repr(found)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(401, outcome.CredentialsFault("authorize answers 401"), id="not accepted"),
        pytest.param(404, outcome.CredentialsFault("authorize answers 404"), id="not there"),
        pytest.param(429, outcome.Retry("authorize answers 429", 7.0), id="too often"),
        pytest.param(503, outcome.Retry("authorize answers 503", 7.0), id="down"),
        pytest.param(204, outcome.Retry("authorize answers 204", 7.0), id="not exactly 200"),
    ],
)
async def test_only_a_refusal_of_the_credential_is_its_fault(
    server: Server, status: int, expected: object
) -> None:
    server.status = status

    assert await fetch(server.url) == expected


async def test_no_answer_is_tried_again() -> None:
    found = await fetch(f"http://127.0.0.1:{free_port()}/authorize")

    assert isinstance(found, outcome.Retry)


@pytest.mark.parametrize(
    ("lives", "until"),
    [
        pytest.param(86_400, 86_340, id="a minute before its end"),
        pytest.param(60, 54, id="a tenth before its end"),
        pytest.param(30, 27, id="a short life is believed"),
        pytest.param(0, math.inf, id="until it is not accepted"),
        pytest.param(None, math.inf, id="no word of an end"),
    ],
)
def test_when_a_token_is_renewed(lives: float | None, until: float) -> None:
    said = {**ANSWER, "expiresInSeconds": lives} if lives is not None else {"token": "t"}

    found = authorised.read(json.dumps(said).encode(), "c", 0.0)

    assert isinstance(found, authorised.Token)
    assert found.until == until


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{}", id="no token"),
        pytest.param(b"<html>", id="no JSON"),
        pytest.param(b'{"token": ""}', id="an empty token"),
        pytest.param(b'{"token": "a\\nb"}', id="a token of two lines"),
        pytest.param(b'{"token": "t", "version": 2}', id="another version"),
        pytest.param(b'{"token": "' + b"t" * (16 << 10) + b'"}', id="too large"),
    ],
)
def test_what_is_no_token_is_a_fault(body: bytes) -> None:
    assert isinstance(authorised.read(body, "c", 0.0), outcome.CredentialsFault)


def test_credential_and_cluster_together_are_telemeters_form() -> None:
    assert json.loads(base64.b64decode(authorised.together("s3cret", "c1"))) == {
        "authorization_token": "s3cret",
        "cluster_id": "c1",
    }

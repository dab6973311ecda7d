"""Tokens by client credentials, from a token endpoint that records what reached it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from tenantry_common.contracts import OAuth2, SecretRef
from tenantry_local.ports import free_port
from writer import exchange, oauth, outcome

OURS = "s%"


class TokenEndpoint:
    """Answers as it is told."""

    def __init__(self) -> None:
        self.status = 200
        self.answer = '{"access_token": "t", "token_type": "bearer", "expires_in": 100}'
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.seen.append((request.headers["Authorization"], form))
        return web.Response(status=self.status, text=self.answer, content_type="application/json")


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[TokenEndpoint]:
    found = TokenEndpoint()
    app = web.Application()
    app.router.add_post("/token", found.handle)
    async with TestServer(app) as server:
        found.url = str(server.make_url("/token"))
        yield found


async def fetch(
    url: str, scopes: tuple[str, ...] = (), params: dict[str, str] | None = None
) -> oauth.Token | outcome.CredentialsFault | outcome.Retry:
    wanted = OAuth2(
        client_id="a:b",
        client_secret=SecretRef(name="s", key="k"),
        token_url=url,
        scopes=scopes,
        endpoint_params=params or {},
    )
    async with exchange.session(5) as http:
        return await oauth.fetch(http, wanted, OURS, lambda: 1000.0)


async def test_a_token_is_asked_for_as_the_standard_says(endpoint: TokenEndpoint) -> None:
    found = await fetch(endpoint.url, ("a", "b"), {"audience": "m"})

    assert found == oauth.Token(text="t", secret=OURS, until=1090.0)
    assert endpoint.seen == [
        (
            "Basic YSUzQWI6cyUyNQ==",  # a%3Ab:s%25
            {"audience": "m", "grant_type": "client_credentials", "scope": "a b"},
        )
    ]


@pytest.mark.parametrize(
    ("answer", "until"),
    [
        pytest.param('{"access_token": "t", "expires_in": "100"}', 1090.0, id="a number as text"),
        pytest.param('{"access_token": "t"}', 1050.0, id="nothing said"),
        pytest.param('{"access_token": "t", "expires_in": 1}', 1000.0, id="shorter than margin"),
    ],
)
async def test_a_token_is_kept_until_shortly_before_its_end(
    endpoint: TokenEndpoint, answer: str, until: float
) -> None:
    endpoint.answer = answer

    assert await fetch(endpoint.url) == oauth.Token(text="t", secret=OURS, until=until)


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        pytest.param(
            401,
            '{"error": "invalid_client"}',
            outcome.CredentialsFault("the token endpoint answers 401"),
            id="refused",
        ),
        pytest.param(503, "", outcome.Retry("the token endpoint answers 503"), id="away"),
        pytest.param(
            307, "", outcome.CredentialsFault("the token endpoint answers 307"), id="redirect"
        ),
        pytest.param(
            200,
            "<html>",
            outcome.CredentialsFault("the token endpoint's answer holds no token"),
            id="garbage",
        ),
        pytest.param(
            200,
            '{"access_token": "t", "token_type": "mac"}',
            outcome.CredentialsFault("the token endpoint's answer holds no bearer token"),
            id="another kind of token",
        ),
        pytest.param(
            200,
            '{"access_token": "a\\r\\nb"}',
            outcome.CredentialsFault("the token endpoint's answer holds no bearer token"),
            id="a header inside",
        ),
    ],
)
async def test_without_a_token_there_is_a_reason(
    endpoint: TokenEndpoint, status: int, answer: str, expected: outcome.Failure
) -> None:
    endpoint.status, endpoint.answer = status, answer

    assert await fetch(endpoint.url) == expected


async def test_nobody_listening_is_tried_again() -> None:
    found = await fetch(f"http://127.0.0.1:{free_port()}/")

    assert found == outcome.Retry("no answer from the token endpoint: ClientConnectorError")


def test_a_token_is_not_shown() -> None:
    assert repr(oauth.Token(text="t0k", secret=OURS, until=1.0)) == "Token(until=1.0)"

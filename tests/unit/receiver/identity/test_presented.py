"""The bearer token is read from one header of the right form, and from nothing else."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from receiver.identity import presented
from receiver.identity.presented import Presented


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param(["Bearer abc"], "abc", id="a token"),
        pytest.param(["bearer  abc "], "abc", id="blanks and case"),
        pytest.param([], None, id="none"),
        pytest.param(["Bearer"], None, id="no token"),
        pytest.param(["Basic abc"], None, id="another scheme"),
        pytest.param(["abc"], None, id="no scheme"),
        pytest.param(["Bearer a", "Bearer b"], None, id="two"),
    ],
)
def test_a_bearer(headers: list[str], expected: str | None) -> None:
    assert presented.bearer(headers) == expected


async def test_a_request_presents_what_it_holds_and_where_it_comes_from() -> None:
    seen: list[Presented] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(presented.of(request))
        return web.Response()

    app = web.Application()
    app.router.add_get("/", answer)
    async with TestClient(TestServer(app)) as client:
        await client.get("/", headers={"X-Tenantry-Source": "x", "Authorization": "Bearer y"})

    assert seen == [Presented(bearer="y", peer="127.0.0.1", source=("x",))]

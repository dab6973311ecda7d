"""One request over real HTTP, as the endpoint sees it and as it comes out."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from tenantry_common import contracts, credentials, snappy_block
from tenantry_local.ports import free_port
from writer import endpoint as endpoints
from writer import exchange, outcome, protocol
from writer.testing import Endpoint, accept_v2, endpoint, series, written

REQUEST = series({"__name__": "m"}, (1, 1))
BLOCK = snappy_block.compress(REQUEST)
AUTH = contracts.BasicAuth(username="u", password=contracts.SecretRef(name="push", key="password"))


@pytest_asyncio.fixture
async def recording() -> AsyncIterator[Endpoint]:
    async with endpoint() as found:
        yield found


@pytest_asyncio.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with exchange.session(0.5) as session:
        yield session


def target(
    http: aiohttp.ClientSession,
    url: str,
    *,
    headers: dict[str, str] | None = None,
    auth: contracts.BasicAuth | None = None,
    secrets: Path | None = None,
    speak: protocol.Protocol = "1.0",
) -> endpoints.HttpEndpoint:
    found = contracts.Endpoint(
        id="0", kind="prometheus", url=url, headers=headers or {}, basic_auth=auth
    )
    folder = credentials.Folder(str(secrets or ""))
    return endpoints.HttpEndpoint(http, "team-a", found, folder, speak=speak, now=lambda: 0.0)


async def test_a_request_is_remote_write_1_0(
    recording: Endpoint, http: aiohttp.ClientSession
) -> None:
    result = await target(http, recording.url, headers={"X-Scope-OrgID": "7"}).post(BLOCK)

    (seen,) = recording.seen
    names = (
        "Content-Encoding",
        "Content-Type",
        "X-Prometheus-Remote-Write-Version",
        "X-Scope-OrgID",
    )
    assert result == outcome.Delivered()
    assert seen.request == REQUEST
    assert [seen.headers[name] for name in names] == [
        "snappy",
        "application/x-protobuf",
        "0.1.0",
        "7",
    ]
    assert seen.headers["User-Agent"].startswith("tenantry-writer/")


async def test_the_writers_own_headers_win(
    recording: Endpoint, http: aiohttp.ClientSession
) -> None:
    await target(http, recording.url, headers={"user-agent": "x"}).post(BLOCK)

    assert recording.seen[0].headers["User-Agent"].startswith("tenantry-writer/")


async def test_a_refusal_comes_with_the_first_line_of_the_body(
    recording: Endpoint, http: aiohttp.ClientSession
) -> None:
    async def refuse(_: bytes) -> web.Response:
        return web.Response(status=400, text="out of order sample\n" + "x" * 100_000)

    recording.answer = refuse

    assert await target(http, recording.url).post(BLOCK) == outcome.Split(
        "400 out of order sample", "time"
    )


async def test_a_redirect_is_not_followed(recording: Endpoint, http: aiohttp.ClientSession) -> None:
    async def redirect(_: bytes) -> web.Response:
        return web.Response(status=307, headers={"Location": recording.url})

    recording.answer = redirect

    result = await target(http, recording.url).post(BLOCK)

    assert (type(result), len(recording.seen)) == (outcome.ConfigFault, 1)


async def test_cookies_are_not_kept(recording: Endpoint, http: aiohttp.ClientSession) -> None:
    async def set_cookie(_: bytes) -> web.Response:
        return web.Response(status=204, headers={"Set-Cookie": "a=b"})

    recording.answer = set_cookie
    for _ in range(2):
        await target(http, recording.url).post(BLOCK)

    assert "Cookie" not in recording.seen[1].headers


async def test_nobody_listening_is_a_retry_of_what_was_never_sent(
    http: aiohttp.ClientSession,
) -> None:
    result = await target(http, f"http://127.0.0.1:{free_port()}/").post(BLOCK)

    assert result == outcome.Retry("cannot connect: Connection refused")


async def test_an_endpoint_that_does_not_answer_may_have_stored(
    recording: Endpoint, http: aiohttp.ClientSession
) -> None:
    given_up = asyncio.Event()

    async def answer_too_late(_: bytes) -> web.Response:
        await given_up.wait()
        return web.Response(status=204)

    recording.answer = answer_too_late

    result = await target(http, recording.url).post(BLOCK)
    given_up.set()

    assert result == outcome.Retry("no answer in time", maybe_stored=True)


async def test_credentials_are_read_again_after_they_were_refused(
    recording: Endpoint, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async def judge(_: bytes) -> web.Response:
        right = aiohttp.encode_basic_auth("u", "new")
        authorized = recording.seen[-1].headers["Authorization"] == right
        return web.Response(status=204 if authorized else 401)

    recording.answer = judge
    secret = tmp_path / "team-a" / "push" / "password"
    secret.parent.mkdir(parents=True)
    secret.write_text("old")
    post = target(http, recording.url, auth=AUTH, secrets=tmp_path).post

    refused = await post(BLOCK)
    secret.write_text("new")

    assert (refused, await post(BLOCK)) == (
        outcome.CredentialsFault("401 Unauthorized"),
        outcome.Delivered(),
    )


async def test_without_its_secret_nothing_is_sent(
    recording: Endpoint, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    result = await target(http, recording.url, auth=AUTH, secrets=tmp_path).post(BLOCK)

    assert (result, recording.seen) == (
        outcome.CredentialsFault("secret team-a/push, key password: No such file or directory"),
        [],
    )


def versions(recording: Endpoint) -> list[str]:
    return [seen.headers["X-Prometheus-Remote-Write-Version"] for seen in recording.seen]


async def test_a_request_of_2_0_is_strict_and_says_so(
    recording: Endpoint, http: aiohttp.ClientSession
) -> None:
    recording.answer = accept_v2

    result = await target(http, recording.url, speak="2.0").post(BLOCK)

    (seen,) = recording.seen
    assert (result, seen.request) == (outcome.Delivered(), REQUEST)
    assert [seen.headers[name] for name in ("Content-Encoding", "Content-Type")] == [
        "snappy",
        "application/x-protobuf;proto=io.prometheus.write.v2.Request",
    ]
    assert versions(recording) == ["2.0.0"]


@pytest.mark.parametrize(
    ("status", "text"),
    [
        pytest.param(415, "no", id="415"),
        pytest.param(400, "proto: wrong wireType = 0 for field Labels", id="400 about protobuf"),
        pytest.param(204, "", id="taken without a word of what was written"),
    ],
)
async def test_auto_goes_on_with_1_0_where_2_0_is_not_spoken(
    recording: Endpoint, http: aiohttp.ClientSession, status: int, text: str
) -> None:
    async def speak_1_0(_: bytes) -> web.Response:
        new = versions(recording)[-1] == "2.0.0"
        return web.Response(status=status if new else 204, text=text if new else "")

    recording.answer = speak_1_0
    found = target(http, recording.url, speak="auto")

    results = [await found.post(BLOCK), await found.post(BLOCK)]

    assert results == [outcome.Delivered()] * 2
    assert versions(recording) == ["2.0.0", "0.1.0", "0.1.0"]


async def test_2_0_alone_is_not_replaced_by_1_0(
    recording: Endpoint, http: aiohttp.ClientSession
) -> None:
    result = await target(http, recording.url, speak="2.0").post(BLOCK)

    assert result == outcome.ConfigFault(
        "remote write 2.0 is not spoken there, use auto: 204 No Content"
    )


async def test_auto_stays_with_2_0_where_only_the_data_is_refused(
    recording: Endpoint, http: aiohttp.ClientSession
) -> None:
    async def refuse(_: bytes) -> web.Response:
        return web.Response(status=400, text="out of order sample", headers=written(1))

    recording.answer = refuse
    found = target(http, recording.url, speak="auto")

    assert await found.post(BLOCK) == outcome.Split("400 out of order sample", "time", 1)
    assert versions(recording) == ["2.0.0"]


async def test_an_unreadable_batch_is_refused_before_it_is_sent(
    recording: Endpoint, http: aiohttp.ClientSession
) -> None:
    result = await target(http, recording.url, speak="2.0").post(b"?")

    assert isinstance(result, outcome.Split)
    assert (result.cause, recording.seen) == ("invalid", [])

"""Whatever an endpoint does: it loses nothing, nobody else waits for it, and the report says why."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from tenantry_common import batches, bus, contracts, remote_write, subjects
from tenantry_common.contracts import Authorization, Endpoint, Progress, SecretRef
from tenantry_common.subjects import JobRef, ShardRef
from tenantry_common.testing import mirror, until
from writer import testing
from writer.config import Config

JOB = JobRef("team-a", "all")
SHARD = ShardRef(JOB, "eu")
WINDOWS = (10_000, 20_000, 30_000)
POISONED = testing.series({"__name__": "poison"}, (1, 1.0))


def batch(end_ms: int) -> bytes:
    return testing.series({"__name__": "m"}, (end_ms - 5_000, 1.0), (end_ms, 2.0))


async def unavailable(_: bytes) -> web.Response:
    return web.Response(status=503, text="busy\n")


async def broken(_: bytes) -> web.Response:
    return web.Response(status=500, text="disk full\n")


async def page(_: bytes) -> web.Response:
    return web.Response(text="<html>Please log in</html>", content_type="text/html")


async def elsewhere(_: bytes) -> web.Response:
    return web.Response(status=307, headers={"Location": "/api/v1/other"})


async def silent(_: bytes) -> web.Response:
    await asyncio.sleep(3600)
    return web.Response()


type Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def speaks_something_else(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"220 smtp.example.com ESMTP\r\n")
    await writer.drain()


async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer an error whose body never begins."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 1000\r\n\r\n")
    await writer.drain()
    await reader.read()


@contextlib.asynccontextmanager
async def raw(handle: Raw) -> AsyncIterator[int]:
    """Serve connections by hand; yields the port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await handle(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def publish(connection: bus.Bus) -> None:
    for end_ms in WINDOWS:
        await testing.publish(connection, SHARD, [batch(end_ms)], end_ms)


async def said(
    connection: bus.Bus, condition: Callable[[dict[str, Progress]], bool]
) -> dict[str, Progress]:
    """Wait until the report of the job is so; a report names all endpoints of the job or none."""

    def progress(found: Mapping[str, contracts.Report]) -> dict[str, Progress]:
        return {one.endpoint: one for report in found.values() for one in report.progress}

    async with mirror(connection, subjects.REPORTS, contracts.decode_report) as reports:
        return progress(
            await until(
                reports,
                lambda found: "good" in progress(found) and condition(progress(found)),
                seconds=40,
            )
        )


def delivered(found: Progress) -> bool:
    return found.window_end_ms == WINDOWS[-1]


def job(**urls: str) -> contracts.DeliveryJob:
    """Return a job with these endpoints."""
    endpoints = tuple(Endpoint(id=name, kind="prometheus", url=url) for name, url in urls.items())
    return msgspec.structs.replace(testing.job(JOB), endpoints=endpoints)


ANSWERS: dict[str, tuple[testing.Answer, str]] = {
    "unavailable": (unavailable, "503 busy"),
    "500-for-ever": (broken, "500 disk full"),
    "200-with-garbage": (page, "200 with a page for people"),
    "redirect": (elsewhere, "307 Temporary Redirect: redirects are not followed"),
    "silent": (silent, "no answer in time"),
}
CONNECTIONS: dict[str, tuple[Raw, str]] = {
    "hangs-up": (hangs_up, "connection failed: ServerDisconnectedError"),
    "no-web-server": (speaks_something_else, "connection failed: ClientResponseError"),
    "slow-body": (drips, "no answer in time"),
}
REASONS = {name: reason for name, (_, reason) in (ANSWERS | CONNECTIONS).items()} | {
    "unreachable": "cannot connect: Connection refused"
}


@pytest.mark.timeout(120)
async def test_each_that_misbehaves_is_told_and_gets_everything_once_it_is_mended(
    connection: bus.Bus, settings: Config
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        endpoints = {name: await enter(testing.endpoint(ANSWERS[name][0])) for name in ANSWERS}
        good = await enter(testing.endpoint())
        ports = {name: await enter(raw(CONNECTIONS[name][0])) for name in CONNECTIONS}
        ports["unreachable"] = 1
        bad = {name: one.url for name, one in endpoints.items()}
        bad |= {name: f"http://127.0.0.1:{port}/api/v1/write" for name, port in ports.items()}
        await testing.put_job(connection, job(good=good.url, **bad))
        await publish(connection)
        async with testing.running(settings):
            told = await said(
                connection,
                lambda found: (
                    delivered(found["good"])
                    and all(found[name].last_error == REASONS[name] for name in bad)
                ),
            )
            for endpoint in endpoints.values():
                endpoint.answer = testing.accept
            mended = {name: await enter(testing.endpoint()) for name in ports} | endpoints
            urls = {name: one.url for name, one in mended.items()}
            await testing.put_job(connection, job(good=good.url, **urls))
            await said(connection, lambda found: all(delivered(found[name]) for name in mended))

        taken = {
            name: [seen.request for seen in one.seen][-3:]
            for name, one in (mended | {"good": good}).items()
        }
        kept = await batches.last(connection, subjects.REJECTS, subjects.rejects(JOB))
    assert {name: (told[name].samples, told[name].rejected) for name in bad} == dict.fromkeys(
        bad, (0, 0)
    )
    assert taken == {name: list(map(batch, WINDOWS)) for name in taken}
    assert kept is None


async def test_credentials_that_are_corrected_are_used_at_once(
    connection: bus.Bus, settings: Config, tmp_path: Path
) -> None:
    secret = tmp_path / "team-a" / "push" / "token"
    secret.parent.mkdir(parents=True)
    secret.write_text("wrong")
    asked = asyncio.Event()

    async with testing.endpoint() as guarded, testing.endpoint() as good:

        async def check(_: bytes) -> web.Response:
            asked.set()
            right = guarded.seen[-1].headers["Authorization"] == "Bearer right"
            return web.Response(status=204 if right else 401, text="" if right else "who?\n")

        guarded.answer = check
        plain = job(bad=guarded.url, good=good.url)
        closed = msgspec.structs.replace(
            plain.endpoints[0],
            authorization=Authorization(credentials=SecretRef(name="push", key="token")),
        )
        with_secret = msgspec.structs.replace(plain, endpoints=(closed, plain.endpoints[1]))
        await testing.put_job(connection, with_secret)
        await publish(connection)
        async with testing.running(msgspec.structs.replace(settings, secrets_dir=str(tmp_path))):
            found = await said(connection, lambda found: found["bad"].last_error == "401 who?")
            secret.write_text("right")
            await said(connection, lambda found: delivered(found["bad"]))

    taken = [
        seen.request for seen in guarded.seen if seen.headers["Authorization"] == "Bearer right"
    ]
    assert found["bad"].rejected == 0
    assert taken == list(map(batch, WINDOWS))


async def test_400_for_one_series_rejects_that_one_alone(
    connection: bus.Bus, settings: Config
) -> None:
    stored: list[bytes] = []

    async def picky(request: bytes) -> web.Response:
        if b"poison" in request:
            return web.Response(status=400, text="out of bounds\n")
        stored.append(request)
        return web.Response(status=204)

    async with testing.endpoint(picky) as bad, testing.endpoint() as good:
        await testing.put_job(connection, job(bad=bad.url, good=good.url))
        await testing.publish(
            connection, SHARD, [batch(10_000), POISONED, batch(20_000)], WINDOWS[-1]
        )
        async with testing.running(settings):
            found = await said(
                connection, lambda found: delivered(found["bad"]) and delivered(found["good"])
            )

    assert (found["bad"].rejected, found["bad"].samples, found["good"].samples) == (1, 4, 5)
    assert found["bad"].last_error == "1 series rejected: 400 out of bounds"
    assert remote_write.join(stored) == batch(10_000) + batch(20_000)


async def test_a_batch_of_a_newer_schema_waits_for_a_newer_writer(
    connection: bus.Bus, settings: Config
) -> None:
    async with testing.endpoint() as one, testing.endpoint() as two:
        await testing.put_job(connection, job(bad=one.url, good=two.url))
        newer = testing.headers(batch(10_000), 0, 10_000) | {subjects.HEADER_SCHEMA: "2"}
        await batches.append(connection, subjects.samples(SHARD), b"?", newer)
        await publish(connection)
        async with testing.running(settings):
            found = await said(
                connection, lambda found: all(one.last_error for one in found.values())
            )

    reason = "batch has schema 2, this version reads up to 1: upgrade this service"
    assert {one.last_error for one in found.values()} == {reason}
    assert (one.seen, two.seen) == ([], [])


async def test_a_fault_of_the_job_is_told_and_nothing_is_asked(
    connection: bus.Bus, settings: Config
) -> None:
    async with testing.endpoint() as good:
        plain = job(bad=good.url, good=good.url)
        missing = Endpoint(
            id="bad",
            kind="prometheus",
            url=good.url,
            authorization=Authorization(credentials=SecretRef(name="push", key="token")),
        )
        await testing.put_job(
            connection, msgspec.structs.replace(plain, endpoints=(missing, plain.endpoints[1]))
        )
        await publish(connection)
        async with testing.running(settings):
            found = await said(
                connection,
                lambda found: bool(found["bad"].last_error) and delivered(found["good"]),
            )

    assert "push" in found["bad"].last_error
    assert len(good.seen) == len(WINDOWS)

"""TLS is served with the files' newest content, and only to whom the client CA has signed."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import trustme
from aiohttp import web

from tenantry_common import config, errors, ops, tls

HOST = "127.0.0.1"


@dataclass
class Site:
    """A listener whose files lie in a folder."""

    folder: Path
    listener: tls.Listener
    port: int = 0

    def issue(self, ca: trustme.CA) -> None:
        """Replace the server's certificate."""
        issued = ca.issue_cert(HOST)
        issued.private_key_pem.write_to_path(self.folder / "tls.key")
        (self.folder / "tls.crt").write_bytes(
            b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        )

    def trust(self, ca: trustme.CA) -> None:
        """Replace the CA of clients."""
        ca.cert_pem.write_to_path(self.folder / "ca.crt")


def settings(folder: Path, *, client_ca: bool = False, **more: str) -> config.Tls:
    ca_file = {"client_ca_file": str(folder / "ca.crt")} if client_ca else {}
    return config.load(
        config.Tls,
        None,
        env={
            f"TENANTRY__{name}": f'"{value}"'
            for name, value in {
                "cert_file": str(folder / "tls.crt"),
                "key_file": str(folder / "tls.key"),
                **ca_file,
                **more,
            }.items()
        },
    )


@contextlib.asynccontextmanager
async def listening(
    folder: Path, ca: trustme.CA, client_ca: trustme.CA | None = None, **more: str
) -> AsyncIterator[Site]:
    async def answer(request: web.Request) -> web.Response:
        peer = request.get_extra_info("peercert") or {}
        names = [value for _, value in peer.get("subjectAltName", ())]
        return web.json_response({"names": names})

    app = web.Application()
    app.router.add_get("/", answer)
    chosen = settings(folder, client_ca=client_ca is not None, **more)
    site = Site(folder, tls.Listener(app, chosen, ops.Hardening(shutdown_timeout=1)))
    site.issue(ca)
    if client_ca is not None:
        site.trust(client_ca)
    site.port = await site.listener.start(HOST, 0, setting="$.listen.port")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(site.listener.run())
        try:
            yield site
        finally:
            task.cancel()
            await site.listener.stop()


def client(ca: trustme.CA, *, identity: trustme.LeafCert | None = None) -> ssl.SSLContext:
    made = ssl.create_default_context()
    ca.configure_trust(made)
    if identity is not None:
        identity.configure_cert(made)
    return made


async def ask(port: int, context: ssl.SSLContext) -> dict[str, list[str]]:
    """Ask once, on a connection of its own."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"https://{HOST}:{port}/", ssl=context) as response,
    ):
        return dict(await response.json())


async def until_refused(port: int, context: ssl.SSLContext) -> None:
    """Ask until the connection is refused, for at most 5 seconds."""
    async with asyncio.timeout(5):
        with contextlib.suppress(aiohttp.ClientError, ssl.SSLError, ConnectionError):
            while True:
                await ask(port, context)
                await asyncio.sleep(0.02)


async def until_answered(port: int, context: ssl.SSLContext) -> None:
    """Ask until there is an answer, for at most 5 seconds."""
    async with asyncio.timeout(5):
        while True:
            with contextlib.suppress(aiohttp.ClientError, ssl.SSLError, ConnectionError):
                await ask(port, context)
                return
            await asyncio.sleep(0.02)


async def test_a_new_certificate_counts_from_the_next_connection_on(tmp_path: Path) -> None:
    old, new = trustme.CA(), trustme.CA()
    async with (
        listening(tmp_path, old) as site,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=client(old))) as session,
    ):
        async with session.get(f"https://{HOST}:{site.port}/") as first:
            await first.read()
        site.issue(new)
        await until_answered(site.port, client(new))

        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await ask(site.port, client(old))
        async with session.get(f"https://{HOST}:{site.port}/") as again:
            assert again.status == 200, "a connection from before goes on"


async def test_half_written_files_change_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ca = trustme.CA()
    async with listening(tmp_path, ca) as site:
        good = (tmp_path / "tls.key").read_bytes()
        trustme.CA().issue_cert(HOST).private_key_pem.write_to_path(tmp_path / "tls.key")
        async with asyncio.timeout(5):
            while "new certificates are not used" not in caplog.messages:  # noqa: ASYNC110 - it announces nothing else
                await asyncio.sleep(0.02)

        assert await ask(site.port, client(ca)) == {"names": []}
        (tmp_path / "tls.key").write_bytes(good)


async def test_a_client_shows_a_certificate_or_none(tmp_path: Path) -> None:
    ca, clients = trustme.CA(), trustme.CA()
    async with listening(tmp_path, ca, clients) as site:
        none = await ask(site.port, client(ca))
        own = await ask(site.port, client(ca, identity=clients.issue_cert("grafana.example")))
        with pytest.raises(aiohttp.ClientError):
            await ask(site.port, client(ca, identity=trustme.CA().issue_cert("grafana.example")))

    assert (none, own) == ({"names": []}, {"names": ["grafana.example"]})


async def test_a_client_must_show_a_certificate_where_it_is_required(tmp_path: Path) -> None:
    ca, clients = trustme.CA(), trustme.CA()
    async with listening(tmp_path, ca, clients, client_certificate="required") as site:
        with pytest.raises(aiohttp.ClientError):
            await ask(site.port, client(ca))


async def test_when_the_client_ca_changes_old_connections_end(tmp_path: Path) -> None:
    ca, before, after = trustme.CA(), trustme.CA(), trustme.CA()
    context = client(ca, identity=before.issue_cert("grafana.example"))
    async with (
        listening(tmp_path, ca, before) as site,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session,
    ):
        async with session.get(f"https://{HOST}:{site.port}/") as first:
            assert await first.json() == {"names": ["grafana.example"]}
        site.trust(after)
        await until_refused(site.port, context)

        # The session's connection was kept alive; it is gone, and no session is resumed.
        with pytest.raises((aiohttp.ClientError, ssl.SSLError)):
            await session.get(f"https://{HOST}:{site.port}/")


async def test_old_versions_of_tls_are_refused(tmp_path: Path) -> None:
    ca = trustme.CA()
    context = client(ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with listening(tmp_path, ca, minimum="1.3") as site:
        with pytest.raises(aiohttp.ClientError):
            await ask(site.port, context)
    async with listening(tmp_path, ca) as site:
        assert await ask(site.port, context) == {"names": []}


async def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigError, match=r"tls\.crt and key .*: \[Errno 2\]"):
        await tls.Listener(web.Application(), settings(tmp_path), ops.Hardening()).start(
            HOST, 0, setting="$.listen.port"
        )


def test_halves_are_refused() -> None:
    with pytest.raises(errors.ConfigError, match="cert_file and key_file"):
        config.load(config.Tls, None, env={"TENANTRY__CERT_FILE": "x"})

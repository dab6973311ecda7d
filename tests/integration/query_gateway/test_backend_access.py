"""Backends get the credentials of their profile; one whose profile cannot be used is not asked."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from query_gateway import config, upstream
from query_gateway.calls import Call
from query_gateway.failures import Failure
from query_gateway.metrics import Metrics
from query_gateway.tracing import PassOn
from query_gateway.upstream import Upstream
from tenantry_common.backend_access import Keyring, Profile
from tenantry_common.contracts import Backend

NAME = "prometheus.example.com"
GET = Call(method="GET", path="/api/v1/labels")
POST = Call(method="POST", path="/api/v1/query", form=(("query", "up"),))


class Protected:
    """A backend that wants a client certificate and a token."""

    def __init__(self, authority: trustme.CA, token: str) -> None:
        self.seen: list[tuple[str, str]] = []
        self._token = token
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(NAME).configure_cert(self._context)
        authority.configure_trust(self._context)
        self._context.verify_mode = ssl.CERT_REQUIRED
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._server = TestServer(app, scheme="https")

    async def _answer(self, request: web.Request) -> web.Response:
        authorization = request.headers.get("Authorization", "")
        self.seen.append((request.path, authorization))
        if authorization != f"Bearer {self._token}":
            return web.json_response({"status": "error"}, status=401)
        return web.json_response({"status": "success", "data": []})

    @contextlib.asynccontextmanager
    async def running(self, access: str = "infra") -> AsyncIterator[Backend]:
        """Yield it as discovery publishes it: by an address that its certificate does not name."""
        await self._server.start_server(ssl=self._context)
        url = str(self._server.make_url("")).rstrip("/")
        try:
            yield Backend(id="a", url=url, ha_set="a", healthy=True, access=access)
        finally:
            await self._server.close()


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def profile(authority: trustme.CA, tmp_path: Path) -> Profile:
    own = authority.issue_cert("gateway@example.com")
    files = {
        "ca": authority.cert_pem.bytes(),
        "cert": own.cert_chain_pems[0].bytes(),
        "key": own.private_key_pem.bytes(),
        "token": b"t0k\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return Profile(
        ca_file=str(tmp_path / "ca"),
        cert_file=str(tmp_path / "cert"),
        key_file=str(tmp_path / "key"),
        bearer_token_file=str(tmp_path / "token"),
        server_name=NAME,
    )


@contextlib.asynccontextmanager
async def client(**profiles: Profile) -> AsyncIterator[Upstream]:
    settings = config.Upstream(headers={"Authorization": "Bearer not-for-this-one"})
    async with upstream.pool(settings) as pool:
        metrics = Metrics(CollectorRegistry())
        yield Upstream(pool, settings, metrics, PassOn(), Keyring(profiles))


async def body(asked: Upstream, call: Call, backend: Backend) -> bytes:
    async with asked.stream([backend], call) as answer:
        return b"".join([chunk async for chunk in answer.chunks()])


async def test_every_request_carries_certificate_and_token(
    authority: trustme.CA, profile: Profile
) -> None:
    protected = Protected(authority, "t0k")
    async with protected.running() as backend, client(infra=profile) as asked:
        for call in (GET, POST):
            assert b"success" in await body(asked, call, backend)

    assert protected.seen == [
        ("/api/v1/labels", "Bearer t0k"),
        ("/api/v1/query", "Bearer t0k"),
    ]


async def test_a_token_that_is_replaced_counts_at_once(
    authority: trustme.CA, profile: Profile
) -> None:
    protected = Protected(authority, "renewed")
    async with protected.running() as backend, client(infra=profile) as asked:
        with pytest.raises(Failure):
            await body(asked, GET, backend)
        Path(profile.bearer_token_file).write_text("renewed")

        assert b"success" in await body(asked, GET, backend)


@pytest.mark.parametrize("configured", [{}, {"infra": Profile(ca_file="/nowhere")}])
async def test_a_backend_whose_profile_cannot_be_used_is_not_asked(
    authority: trustme.CA, configured: dict[str, Profile]
) -> None:
    protected = Protected(authority, "t0k")
    async with protected.running() as backend, client(**configured) as asked:
        with pytest.raises(Failure, match="no Prometheus backend gave an answer"):
            await body(asked, GET, backend)

    assert protected.seen == []


async def test_backends_of_other_profiles_get_nothing_of_it(
    authority: trustme.CA, profile: Profile
) -> None:
    protected = Protected(authority, "t0k")
    async with protected.running(access="") as backend, client(infra=profile) as asked:
        with pytest.raises(Failure):
            await body(asked, GET, backend)

    assert protected.seen == []  # the system trusts no such authority

"""What an endpoint gets to see, over real HTTP and TLS; secrets change while it is used."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import pytest
import pytest_asyncio
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.push.reference_server import ReferenceServer, Settings, serving

from tenantry_common import contracts, snappy_block
from tenantry_common.contracts import (
    Authorization,
    Authorize,
    Endpoint,
    OAuth2,
    SecretRef,
    TlsConfig,
)
from tenantry_common.credentials import Folder
from writer import authorised, exchange, outcome
from writer.access import Access, Granted
from writer.endpoint import HttpEndpoint
from writer.testing import series

BLOCK = snappy_block.compress(series({"__name__": "m"}, (1, 1)))
PLAIN = Endpoint(id="0", kind="remote_write", url="http://m.example.com/")


class Secrets:
    """Secrets of tenant `team-a`, all of them keys of `push`."""

    def __init__(self, folder: Path) -> None:
        self.source = Folder(str(folder))
        self._folder = folder / "team-a" / "push"
        self._folder.mkdir(parents=True)

    def set(self, key: str, value: str) -> SecretRef:
        (self._folder / key).write_text(value)
        return SecretRef(name="push", key=key)


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    return Secrets(tmp_path)


@pytest_asyncio.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with exchange.session(5) as session:
        yield session


async def headers(access: Access) -> dict[str, str]:
    granted = await access.grant()
    assert isinstance(granted, Granted)
    ours = ("Accept-Encoding", "User-Agent")
    return {name: value for name, value in granted.headers.items() if name not in ours}


async def test_credentials_are_headers(http: aiohttp.ClientSession, secrets: Secrets) -> None:
    secret = secrets.set("token", "t0k\n")
    endpoint = msgspec.structs.replace(
        PLAIN,
        headers={"X-Scope-OrgID": "7"},
        secret_headers={"X-Key": secret},
        authorization=Authorization(type="Token", credentials=secret),
    )

    assert await headers(Access(http, "team-a", endpoint, secrets.source)) == {
        "X-Scope-OrgID": "7",
        "X-Key": "t0k",
        "Authorization": "Token t0k",
    }


async def test_a_cluster_shows_its_credential_and_id_together(
    http: aiohttp.ClientSession, secrets: Secrets
) -> None:
    endpoint = msgspec.structs.replace(
        PLAIN, authorize=Authorize(id="c1", credentials=secrets.set("token", "s3cret\n"))
    )

    shown = await headers(Access(http, "team-a", endpoint, secrets.source))

    assert shown == {"Authorization": f"Bearer {authorised.together('s3cret', 'c1')}"}


async def test_a_clusters_token_is_kept_until_it_is_refused_or_the_credential_changes(
    http: aiohttp.ClientSession, secrets: Secrets
) -> None:
    async with serving(ReferenceServer(Settings(credentials={"c1": "old"}))) as server:
        reference = secrets.set("token", "old")
        authorize = Authorize(id="c1", credentials=reference, url=f"{server.url}/authorize")
        endpoint = msgspec.structs.replace(PLAIN, authorize=authorize)
        access = Access(http, "team-a", endpoint, secrets.source)

        first, kept = [await access.grant() for _ in range(2)]
        worth_it = await access.renew()
        renewed = await access.grant()
        secrets.set("token", "wrong")
        refused = await access.grant()

    assert isinstance(first, Granted)
    assert isinstance(kept, Granted)
    assert isinstance(renewed, Granted)
    assert first.headers["Authorization"] == kept.headers["Authorization"]
    assert renewed.headers["Authorization"] != kept.headers["Authorization"]
    assert first.labels == {"_id": "c1"}
    assert worth_it
    assert refused == outcome.CredentialsFault("authorize answers 401")


async def test_a_changed_secret_counts_with_the_next_request(
    http: aiohttp.ClientSession, secrets: Secrets
) -> None:
    authorization = Authorization(credentials=secrets.set("token", "old"))
    endpoint = msgspec.structs.replace(PLAIN, authorization=authorization)
    access = Access(http, "team-a", endpoint, secrets.source)

    before = await headers(access)
    secrets.set("token", "new")

    assert (before, await headers(access)) == (
        {"Authorization": "Bearer old"},
        {"Authorization": "Bearer new"},
    )


async def test_a_secret_of_several_lines_is_no_header_and_not_told(
    http: aiohttp.ClientSession, secrets: Secrets
) -> None:
    reference = secrets.set("token", "s3cret\r\nHost: x")
    endpoint = msgspec.structs.replace(PLAIN, secret_headers={"X-Key": reference})

    assert await Access(http, "team-a", endpoint, secrets.source).grant() == (
        outcome.CredentialsFault("secret team-a/push, key token: not one line of ASCII")
    )


class Receiver:
    """A remote-write receiver and token endpoint that knows one token."""

    def __init__(self) -> None:
        self.issued = 0
        self.accepted = "t1"
        self.url = ""

    async def token(self, _: web.Request) -> web.Response:
        self.issued += 1
        return web.json_response({"access_token": f"t{self.issued}", "expires_in": 3600})

    async def write(self, request: web.Request) -> web.Response:
        fine = request.headers["Authorization"] == f"Bearer {self.accepted}"
        return web.Response(status=204 if fine else 401)


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    app = web.Application()
    app.router.add_post("/token", found.token)
    app.router.add_post("/write", found.write)
    async with TestServer(app) as server:
        found.url = str(server.make_url("/"))
        yield found


async def test_a_token_is_kept_and_got_again_when_it_is_refused_or_the_secret_changes(
    http: aiohttp.ClientSession, secrets: Secrets, receiver: Receiver
) -> None:
    oauth2 = OAuth2(
        client_id="c",
        client_secret=secrets.set("secret", "s"),
        token_url=f"{receiver.url}token",
    )
    endpoint = msgspec.structs.replace(PLAIN, url=f"{receiver.url}write", oauth2=oauth2)
    target = HttpEndpoint(http, "team-a", endpoint, secrets.source)

    assert [await target.post(BLOCK), await target.post(BLOCK)] == [outcome.Delivered()] * 2
    assert receiver.issued == 1

    receiver.accepted = "t2"
    assert await target.post(BLOCK) == outcome.Delivered()
    assert receiver.issued == 2

    secrets.set("secret", "another")
    receiver.accepted = "t3"
    assert await target.post(BLOCK) == outcome.Delivered()

    receiver.accepted = "nobody's"
    assert await target.post(BLOCK) == outcome.CredentialsFault("401 Unauthorized")
    assert receiver.issued == 4


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest_asyncio.fixture
async def secure(authority: trustme.CA) -> AsyncIterator[str]:
    """A receiver over TLS, with the name `m.example.com`, that asks for a client certificate."""

    async def write(_: web.Request) -> web.Response:
        return web.Response(status=204)

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("m.example.com").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    app = web.Application()
    app.router.add_post("/write", write)
    secured = TestServer(app, scheme="https")
    await secured.start_server(ssl=context)
    yield str(secured.make_url("/write"))
    await secured.close()


def pem(authority: trustme.CA, secrets: Secrets) -> TlsConfig:
    ours = authority.issue_cert("writer.example.com")
    return TlsConfig(
        ca=secrets.set("ca", authority.cert_pem.bytes().decode()),
        cert=secrets.set("cert", ours.cert_chain_pems[0].bytes().decode()),
        key=secrets.set("key", ours.private_key_pem.bytes().decode()),
        server_name="m.example.com",
    )


def over_tls(
    http: aiohttp.ClientSession, url: str, tls: contracts.TlsConfig, secrets: Secrets
) -> HttpEndpoint:
    endpoint = msgspec.structs.replace(PLAIN, url=url, tls=tls)
    return HttpEndpoint(http, "team-a", endpoint, secrets.source)


async def test_both_sides_show_certificates(
    http: aiohttp.ClientSession, secrets: Secrets, secure: str, authority: trustme.CA
) -> None:
    target = over_tls(http, secure, pem(authority, secrets), secrets)

    assert await target.post(BLOCK) == outcome.Delivered()


async def test_another_name_or_authority_is_not_accepted(
    http: aiohttp.ClientSession, secrets: Secrets, secure: str, authority: trustme.CA
) -> None:
    tls = pem(authority, secrets)
    other_name = msgspec.structs.replace(tls, server_name="n.example.com")
    refused = outcome.Retry("its certificate is not accepted")

    assert await over_tls(http, secure, other_name, secrets).post(BLOCK) == refused
    target = over_tls(http, secure, tls, secrets)
    secrets.set("ca", trustme.CA().cert_pem.bytes().decode())
    assert await target.post(BLOCK) == refused
    secrets.set("ca", authority.cert_pem.bytes().decode())
    assert await target.post(BLOCK) == outcome.Delivered()


async def test_what_is_no_certificate_is_a_fault_of_the_credentials(
    http: aiohttp.ClientSession, secrets: Secrets
) -> None:
    target = over_tls(http, "https://m/", TlsConfig(ca=secrets.set("ca", "x")), secrets)

    result = await target.post(BLOCK)

    assert isinstance(result, outcome.CredentialsFault)
    assert result.reason.startswith("certificates cannot be used: ")

"""Credentials reach the backends they are for, follow their files, and nobody else gets them."""

import os
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import msgspec
import pytest
import pytest_asyncio
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer

from tenantry_common.backend_access import Closed, Keyring, Profile, Way

HTTPS, HTTP = "https://10.0.0.7:9090", "http://10.0.0.7:9090"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], str]:
    """Replace a file as Kubernetes does, by another one."""

    def replaced(name: str, text: str) -> str:
        path = tmp_path / name
        new = tmp_path / f"{name}.new"
        new.write_text(text)
        os.replace(new, path)
        return str(path)

    return replaced


type Write = Callable[[str, str], str]


def test_a_backend_without_a_profile_gets_nothing() -> None:
    assert Keyring({}).open(HTTPS, "") == Way(headers={}, tls=True, server_name=None)


def test_tokens_and_passwords_become_headers(write: Write) -> None:
    token, password = write("token", "t0k\n"), write("password", "pw\n")
    keyring = Keyring(
        {
            "token": Profile(bearer_token_file=token),
            "basic": Profile(username="u", password_file=password),
        }
    )

    assert keyring.open(HTTPS, "token").headers == {"Authorization": "Bearer t0k"}
    assert keyring.open(HTTPS, "basic").headers == {"Authorization": "Basic dTpwdw=="}


def test_a_file_that_is_replaced_counts_at_once(write: Write) -> None:
    keyring = Keyring({"a": Profile(bearer_token_file=write("token", "old"))})
    keyring.open(HTTPS, "a")
    write("token", "new")

    assert keyring.open(HTTPS, "a").headers == {"Authorization": "Bearer new"}


def test_a_context_is_made_once_as_long_as_its_files_stay(write: Write) -> None:
    ca = trustme.CA()
    keyring = Keyring({"a": Profile(ca_file=write("ca", ca.cert_pem.bytes().decode()))})
    first = keyring.open(HTTPS, "a").tls
    second = keyring.open(HTTPS, "a").tls
    write("ca", trustme.CA().cert_pem.bytes().decode())

    assert first is second
    assert keyring.open(HTTPS, "a").tls is not first


@pytest.mark.parametrize(
    ("profile", "url", "why"),
    [
        pytest.param({}, HTTPS, "access profile 'a' is not configured here", id="no such profile"),
        pytest.param(
            {"a": {"bearer_token_file": "token"}},
            HTTP,
            "access profile 'a' sends its credentials over https only",
            id="token over plain HTTP",
        ),
        pytest.param(
            {"a": {"username": "u", "password_file": "token"}},
            HTTP,
            "access profile 'a' sends its credentials over https only",
            id="password over plain HTTP",
        ),
        pytest.param(
            {"a": {"bearer_token_file": "missing"}}, HTTPS, "No such file", id="missing file"
        ),
        pytest.param({"a": {"bearer_token_file": "lines"}}, HTTPS, "not one line", id="two lines"),
        pytest.param({"a": {"bearer_token_file": "empty"}}, HTTPS, "not one line", id="empty"),
        pytest.param(
            {"a": {"ca_file": "token"}}, HTTPS, "certificates cannot be used", id="not PEM"
        ),
        pytest.param(
            {"a": {"ca_file": "missing"}}, HTTPS, "certificates cannot be used", id="missing CA"
        ),
    ],
)
def test_what_cannot_be_done_safely_is_not_done(
    profile: dict[str, dict[str, str]],
    url: str,
    why: str,
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in (("token", "s3cret"), ("lines", "s3\ncret"), ("empty", "\n")):
        write(name, text)
    keyring = Keyring(msgspec.convert(profile, dict[str, Profile]))

    with pytest.raises(Closed) as caught:
        keyring.open(url, "a")
    assert why in str(caught.value)
    assert "s3" not in str(caught.value)


def test_plain_http_gets_credentials_only_where_that_is_said(write: Write) -> None:
    profile = Profile(bearer_token_file=write("token", "t"), plain_http=True)

    assert Keyring({"a": profile}).open(HTTP, "a").headers == {"Authorization": "Bearer t"}


@pytest.mark.parametrize(
    "written",
    [
        pytest.param({"cert_file": "c"}, id="certificate without key"),
        pytest.param({"username": "u"}, id="user without password"),
        pytest.param(
            {"username": "u", "password_file": "p", "bearer_token_file": "t"}, id="two ways"
        ),
    ],
)
def test_halves_are_refused(written: dict[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(written, Profile)


@pytest_asyncio.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_a_server_that_wants_a_certificate_is_reached_by_address(
    http: aiohttp.ClientSession, write: Write
) -> None:
    ca = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("prometheus.example.com").configure_cert(context)
    ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    own = ca.issue_cert("discovery@example.com")
    profile = Profile(
        ca_file=write("ca", ca.cert_pem.bytes().decode()),
        cert_file=write("cert", own.cert_chain_pems[0].bytes().decode()),
        key_file=write("key", own.private_key_pem.bytes().decode()),
        server_name="prometheus.example.com",
    )

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_get("/", answer)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=context)
    url = str(server.make_url("/"))
    way = Keyring({"a": profile}).open(url, "a")

    async with http.get(url, ssl=way.tls, server_hostname=way.server_name) as response:
        assert await response.text() == "ok"
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await http.get(url, ssl=way.tls)
    await server.close()

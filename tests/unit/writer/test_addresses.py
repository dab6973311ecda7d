"""Which addresses tenants' URLs may lead to."""

import asyncio
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from aiohttp.abc import AbstractResolver, ResolveResult
from multidict import CIMultiDict

from writer import access, addresses, exchange, outcome


@pytest.mark.parametrize(
    ("address", "denied"),
    [
        pytest.param("93.184.215.14", False, id="public"),
        pytest.param("2606:2800:21f::1", False, id="public, version 6"),
        pytest.param("127.0.0.1", True, id="loopback"),
        pytest.param("127.8.8.8", True, id="all of loopback"),
        pytest.param("0.0.0.0", True, id="this host"),  # noqa: S104
        pytest.param("10.1.2.3", True, id="private"),
        pytest.param("172.16.0.1", True, id="private, 172"),
        pytest.param("192.168.1.1", True, id="private, 192"),
        pytest.param("100.64.0.1", True, id="shared"),
        pytest.param("169.254.169.254", True, id="metadata"),
        pytest.param("224.0.0.1", True, id="multicast"),
        pytest.param("255.255.255.255", True, id="broadcast"),
        pytest.param("::1", True, id="loopback, version 6"),
        pytest.param("::", True, id="this host, version 6"),
        pytest.param("fe80::1%eth0", True, id="link-local with a zone"),
        pytest.param("fd00:ec2::254", True, id="metadata, version 6"),
        pytest.param("ff02::1", True, id="multicast, version 6"),
        pytest.param("::ffff:127.0.0.1", True, id="mapped loopback"),
        pytest.param("::ffff:93.184.215.14", False, id="mapped public"),
        pytest.param("64:ff9b::a9fe:a9fe", True, id="metadata through NAT64"),
        pytest.param("2002:7f00:1::", True, id="loopback through 6to4"),
        pytest.param("no address", True, id="no address"),
    ],
)
def test_only_public_addresses_are_connected_to(address: str, denied: bool) -> None:
    assert addresses.is_denied(address, ()) is denied


def test_the_owner_allows_networks() -> None:
    allowed = addresses.parse(["10.20.0.0/16", "::1/128"])

    found = [addresses.is_denied(one, allowed) for one in ("10.20.1.1", "10.21.1.1", "::1")]
    assert found == [False, True, False]
    assert not addresses.is_denied("::ffff:10.20.1.1", allowed)


def test_what_is_no_network_is_named() -> None:
    with pytest.raises(ValueError, match=r"\$\.remote_write_allow_networks\[1\]"):
        addresses.parse(["10.0.0.0/8", "x"])


class Answers(AbstractResolver):
    """A DNS that answers with these addresses, whatever the name."""

    def __init__(self, *hosts: str) -> None:
        self._hosts = hosts

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=one, port=port, family=family, proto=0, flags=0)
            for one in self._hosts
        ]

    async def close(self) -> None:
        pass


@pytest_asyncio.fixture
async def port() -> AsyncIterator[int]:
    """A server on loopback that fails the test when it is connected to."""

    async def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        reached.append(True)

    reached: list[bool] = []
    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
    assert reached == []


@pytest.mark.parametrize(
    "hosts",
    [
        pytest.param(("127.0.0.1",), id="loopback"),
        pytest.param(("93.184.215.14", "127.0.0.1"), id="one of two"),
    ],
)
async def test_a_name_that_leads_inside_is_not_connected_to(
    port: int, hosts: tuple[str, ...]
) -> None:
    resolver = addresses.GuardedResolver((), Answers(*hosts))
    async with exchange.session(5, resolver) as http:
        url = f"http://m.example.com:{port}/"
        found = await exchange.send(
            http, "POST", url, b"x", access.Granted(headers=CIMultiDict()), {}
        )

    reason = "cannot connect: m.example.com is at an address that the platform does not allow"
    assert found == outcome.NoAnswer(reason=reason, sent=False)


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f.0.0.1"])
async def test_other_spellings_of_loopback_are_denied(port: int, host: str) -> None:
    async with exchange.session(5, addresses.GuardedResolver(())) as http:
        with pytest.raises(aiohttp.ClientError):  # by us, or by aiohttp, which is strict as well
            await http.get(f"http://{host}:{port}/")

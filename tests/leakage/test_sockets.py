"""Bytes that two readers of HTTP could take for different requests.

A proxy that authenticates users sits in front of the gateway and sends their requests over
connections of its own. What must not happen is that bytes which the proxy takes for one request of
the attacker's are two for the gateway, the second with a header that names the victim.

Classes: length and coding at once, bare line feeds, extensions of chunks, absolute form, pipelining.
"""

import asyncio
import contextlib
import re

import pytest
from tests.leakage import victim
from tests.leakage.estate import TALLY, Estate
from tests.leakage.judge import answered

from tenantry_local.ports import LOOPBACK

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

_QUIET_SECONDS = 0.7
"""Seconds after the last byte that nothing more is expected."""
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")

SMUGGLED = (
    b"GET /api/v1/query?query=%7Bnamespace%3D%22bank%22%7D HTTP/1.1\r\n"
    b"Host: x\r\nX-Tenant-Namespace: bank\r\n\r\n"
)
"""What the attacker wants to be a request of the victim's."""

HEAD = (
    b"POST /api/v1/query HTTP/1.1\r\nHost: x\r\nX-Tenant-Namespace: shop\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n"
)
BODY = b"query=up"


def chunk(data: bytes, extension: bytes = b"") -> bytes:
    return b"%x%s\r\n%s\r\n" % (len(data), extension, data)


def with_lengths(*lengths: bytes) -> bytes:
    return HEAD + b"".join(b"Content-Length: %s\r\n" % one for one in lengths) + b"\r\n"


def with_codings(*codings: bytes, name: bytes = b"Transfer-Encoding:") -> bytes:
    return HEAD + b"".join(b"%s%s\r\n" % (name, one) for one in codings) + b"\r\n"


WHOLE = chunk(BODY) + b"0\r\n\r\n"
_LENGTH = str(len(WHOLE + SMUGGLED)).encode()

AMBIGUOUS = {
    # two ways to tell the length
    "length and coding": HEAD
    + b"Content-Length: "
    + _LENGTH
    + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
    + WHOLE
    + SMUGGLED,
    "coding and length": HEAD
    + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"
    + chunk(BODY + SMUGGLED)
    + b"0\r\n\r\n",
    "two lengths": with_lengths(b"8", _LENGTH) + BODY + SMUGGLED,
    "two equal lengths": with_lengths(b"8", b"8") + BODY,
    "a list of lengths": with_lengths(b"8, 8") + BODY + SMUGGLED,
    "a signed length": with_lengths(b"+8") + BODY + SMUGGLED,
    "a negative length": with_lengths(b"-1") + BODY + SMUGGLED,
    "a length in hexadecimal": with_lengths(b"0x8") + BODY + SMUGGLED,
    "a length with an underscore": with_lengths(b"0_8") + BODY + SMUGGLED,
    "a length with a space": with_lengths(b"8 8") + BODY + SMUGGLED,
    "an empty length": with_lengths(b"") + BODY + SMUGGLED,
    "a length of other digits": with_lengths("٨".encode()) + BODY + SMUGGLED,
    "a huge length": with_lengths(b"18446744073709551624") + BODY + SMUGGLED,
    # codings that one reader knows and another does not
    "an unknown coding": with_codings(b" xchunked") + WHOLE + SMUGGLED,
    "chunked, then identity": with_codings(b" chunked, identity") + WHOLE + SMUGGLED,
    "identity, then chunked": with_codings(b" identity, chunked") + WHOLE + SMUGGLED,
    "two codings": with_codings(b" chunked", b" identity") + WHOLE + SMUGGLED,
    "chunked twice": with_codings(b" chunked", b" chunked") + WHOLE + SMUGGLED,
    "chunked with a tab": with_codings(b" chunked\x0b") + WHOLE + SMUGGLED,
    "a quoted coding": with_codings(b' "chunked"') + WHOLE + SMUGGLED,
    "gzip, then chunked": with_codings(b" gzip, chunked") + WHOLE + SMUGGLED,
    "a space before the colon": with_codings(b" chunked", name=b"Transfer-Encoding :")
    + WHOLE
    + SMUGGLED,
    "a folded coding": with_codings(b"\r\n chunked") + WHOLE + SMUGGLED,
    "a coding in HTTP/1.0": HEAD.replace(b"HTTP/1.1", b"HTTP/1.0")
    + b"Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n"
    + WHOLE
    + SMUGGLED,
    # ends of lines
    "bare line feeds": HEAD.replace(b"\r\n", b"\n") + b"Content-Length: 8\n\n" + BODY + SMUGGLED,
    "a bare line feed in the head": HEAD + b"X-A: b\nContent-Length: 8\r\n\r\n" + BODY + SMUGGLED,
    "a bare carriage return": HEAD + b"X-A: b\rX-Tenant-Namespace: bank\r\n\r\n",
    "a carriage return before the colon": HEAD + b"X-A\r: b\r\n\r\n",
    "a folded header": HEAD + b"X-A: b\r\n X-Tenant-Namespace: bank\r\n\r\n",
    "a header without a name": HEAD + b": b\r\n\r\n",
    "a header without a colon": HEAD + b"X-Tenant-Namespace bank\r\n\r\n",
    "a header with a space": HEAD + b"X-Tenant-Namespace : bank\r\n\r\n",
    "a header after a space": b"POST /api/v1/query HTTP/1.1\r\n X-Tenant-Namespace: bank\r\n\r\n",
    "a header with NUL": HEAD + b"X-A: b\0X-Tenant-Namespace: bank\r\n\r\n",
    "a name with NUL": HEAD + b"X-Tenant-Namespace\0: bank\r\n\r\n",
    # chunks
    "a chunk with an extension that holds a line": with_codings(b" chunked")
    + chunk(BODY, b';a="\r\n0\r\n\r\n' + SMUGGLED + b'"')
    + b"0\r\n\r\n",
    "a chunk whose extension ends in a line feed": with_codings(b" chunked")
    + b"8;a\n"
    + BODY
    + b"\r\n0\r\n\r\n"
    + SMUGGLED,
    "a chunk size that ends in a line feed": with_codings(b" chunked")
    + b"8\n"
    + BODY
    + b"\r\n0\r\n\r\n",
    "a chunk size in hexadecimal": with_codings(b" chunked") + b"0x8\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a negative chunk size": with_codings(b" chunked") + b"-8\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a signed chunk size": with_codings(b" chunked") + b"+8\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a chunk size with an underscore": with_codings(b" chunked")
    + b"0_8\r\n"
    + BODY
    + b"\r\n0\r\n\r\n",
    "a chunk size that overflows": with_codings(b" chunked")
    + b"10000000000000008\r\n"
    + BODY
    + b"\r\n0\r\n\r\n"
    + SMUGGLED,
    "a chunk size with spaces": with_codings(b" chunked") + b"8 8\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a chunk without its end": with_codings(b" chunked")
    + b"8\r\n"
    + BODY
    + b"0\r\n\r\n"
    + SMUGGLED,
    "a chunk with another end": with_codings(b" chunked")
    + b"8\r\n"
    + BODY
    + b"xx0\r\n\r\n"
    + SMUGGLED,
    # the first line
    "HTTP/0.9": b"GET /api/v1/query?query=up\r\n" + SMUGGLED,
    "HTTP/1.9": b"GET /api/v1/query HTTP/1.9\r\nHost: x\r\nX-Tenant-Namespace: shop\r\n\r\n",
    "HTTP/11.1": b"GET /api/v1/query HTTP/11.1\r\nHost: x\r\n\r\n",
    "http/1.1": b"GET /api/v1/query http/1.1\r\nHost: x\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SMUGGLED,
    "a tab": b"GET\t/api/v1/query\tHTTP/1.1\r\nHost: x\r\n\r\n",
    "a space in the path": b"GET /api/v1/query x HTTP/1.1\r\nHost: x\r\n\r\n",
    "a NUL in the path": b"GET /api/v1/query\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method that is none": b"GET:/ /api/v1/query HTTP/1.1\r\nHost: x\r\n\r\n",
    "no method": b" /api/v1/query HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": bytes.fromhex("1603010200010001fc0303") + b"\0" * 100,
}
"""Each of these has to be refused: an answer means that one reading was chosen."""

HARMLESS = {
    "two spaces": b"GET  /api/v1/query HTTP/1.1\r\nHost: x\r\n\r\n",
    "a body of a GET": b"GET /api/v1/query?query=shop_total HTTP/1.1\r\nHost: x\r\n"
    b"X-Tenant-Namespace: shop\r\nContent-Length: %d\r\n\r\n%s" % (len(SMUGGLED), SMUGGLED),
    "a request inside a body": with_lengths(str(len(SMUGGLED)).encode()) + SMUGGLED,
    "a request inside a chunk": with_codings(b" chunked") + chunk(SMUGGLED) + b"0\r\n\r\n",
    "a chunk with an extension": with_codings(b" chunked") + chunk(BODY, b";a=b") + b"0\r\n\r\n",
    "a chunk with a long extension": with_codings(b" chunked")
    + chunk(BODY, b";a=" + b"b" * 20_000)
    + b"0\r\n\r\n",
    "a tenant in the trailers": with_codings(b" chunked")
    + chunk(BODY)
    + b"0\r\nX-Tenant-Namespace: bank\r\n\r\n",
    "a length in the trailers": with_codings(b" chunked")
    + chunk(BODY)
    + b"0\r\nContent-Length: 1000\r\nTransfer-Encoding: chunked\r\n\r\n",
    "an absolute URL": b"GET http://other/api/v1/query?query=up HTTP/1.1\r\nHost: x\r\n"
    b"X-Tenant-Namespace: shop\r\n\r\n",
    "an absolute URL with user": b"GET http://bank@other:80/api/v1/query?query=up HTTP/1.1\r\n"
    b"Host: x\r\nX-Tenant-Namespace: shop\r\n\r\n",
    "an asterisk": b"OPTIONS * HTTP/1.1\r\nHost: x\r\nX-Tenant-Namespace: shop\r\n\r\n",
    "an authority": b"CONNECT prometheus:9090 HTTP/1.1\r\nHost: x\r\nX-Tenant-Namespace: shop\r\n\r\n",
    "another scheme": b"GET file:///etc/passwd HTTP/1.1\r\nHost: x\r\nX-Tenant-Namespace: shop\r\n\r\n",
    "two hosts": b"GET /api/v1/query?query=up HTTP/1.1\r\nHost: x\r\nHost: y\r\n"
    b"X-Tenant-Namespace: shop\r\n\r\n",
    "no host": b"GET /api/v1/query?query=up HTTP/1.1\r\nX-Tenant-Namespace: shop\r\n\r\n",
    "an expectation": HEAD + b"Content-Length: 8\r\nExpect: 100-continue\r\n\r\n" + BODY,
    "another expectation": HEAD + b"Content-Length: 8\r\nExpect: bank\r\n\r\n" + BODY,
    "the tenant twice": b"GET /api/v1/query?query=up HTTP/1.1\r\nHost: x\r\n"
    b"X-Tenant-Namespace: shop\r\nX-Tenant-Namespace: bank\r\n\r\n",
    "the tenant in other letters": b"GET /api/v1/query?query=up HTTP/1.1\r\nHost: x\r\n"
    b"X-Tenant-Namespace: shop\r\nx-tenant-namespace: bank\r\n\r\n",
    "the tenant with spaces": b"GET /api/v1/query?query=up HTTP/1.1\r\nHost: x\r\n"
    b"X-Tenant-Namespace:  \tshop \t\r\n\r\n",
    "the tenant in a list": b"GET /api/v1/query?query=up HTTP/1.1\r\nHost: x\r\n"
    b"X-Tenant-Namespace: shop, bank\r\n\r\n",
}
"""Each of these has one reading, or none; whether it is answered does not matter."""


PLAIN = HEAD + b"Content-Length: 8\r\n\r\n" + BODY
"""What the gateway recognises without aiohttp, which gets the connection at the first other request."""


async def exchanged(estate: Estate, *payloads: bytes) -> tuple[list[int], bytes]:
    """Send bytes, each after an answer to those before, or a moment without one.

    Return the statuses of all answers, and everything that came.
    """
    TALLY.cases += 1
    reader, writer = await asyncio.open_connection(LOOPBACK, estate.port)
    received = b""
    for payload in payloads[:-1]:
        writer.write(payload)
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            async with asyncio.timeout(_QUIET_SECONDS):
                received += await reader.read(1 << 16)
    writer.write(payloads[-1])
    # Not ended by us: who stops sending does not want an answer any more.
    with contextlib.suppress(TimeoutError, ConnectionResetError):
        while True:
            async with asyncio.timeout(_QUIET_SECONDS):
                more = await reader.read(1 << 16)
            if not more:
                break
            received += more
    writer.close()
    if answered(received):
        TALLY.leaks.append(f"{payloads!r}: {received!r}")
    return [int(status) for status in _STATUS.findall(received)], received


@pytest.mark.parametrize("name", AMBIGUOUS)
async def test_what_can_be_read_in_two_ways_is_refused(attacked: Estate, name: str) -> None:
    with attacked.judged("shop") as reached:
        statuses, received = await exchanged(attacked, AMBIGUOUS[name])

    assert (set(statuses) <= {400, 501, 505}, len(statuses) <= 1, reached) == (True, True, []), (
        received
    )


@pytest.mark.parametrize("name", AMBIGUOUS)
async def test_what_can_be_read_in_two_ways_is_refused_after_a_plain_request_too(
    attacked: Estate, name: str
) -> None:
    with attacked.judged("shop") as reached:
        apart, received = await exchanged(attacked, PLAIN, AMBIGUOUS[name])
        together, also_received = await exchanged(attacked, PLAIN + AMBIGUOUS[name])

    assert (apart[:1], set(apart[1:]) <= {400, 501, 505}) == ([200], True), received
    # In one piece, the plain one may be refused with the other.
    assert set(together) <= {200, 400, 501, 505}, also_received
    assert (together.count(200) <= 1, len(apart) <= 2, len(together) <= 2) == (True, True, True)
    assert 1 <= len(reached) <= 2


@pytest.mark.parametrize("cut", range(1, len(PLAIN), 13))
async def test_a_request_in_two_parts_is_one_request(attacked: Estate, cut: int) -> None:
    with attacked.judged("shop") as reached:
        statuses, received = await exchanged(attacked, PLAIN[:cut], PLAIN[cut:])

    assert (statuses, len(reached)) == ([200], 1), received


@pytest.mark.parametrize("name", HARMLESS)
async def test_what_can_be_read_in_one_way_is_one_request(attacked: Estate, name: str) -> None:
    with attacked.judged("shop"):
        statuses, received = await exchanged(attacked, HARMLESS[name])

    final = [status for status in statuses if status != 100]
    assert len(final) == 1, received


async def test_requests_one_after_the_other_keep_their_tenants(attacked: Estate) -> None:
    one = (
        b"GET /api/v1/query?query=count(shared_total)&time=%d HTTP/1.1\r\nHost: x\r\n"
        b"X-Tenant-Namespace: %s\r\n\r\n"
    )
    payload = b"".join(
        one % (victim.END, tenant) for tenant in (b"shop", b"union", b"nobody", b"shop")
    )

    statuses, received = await exchanged(attacked, payload)

    assert statuses == [200] * 4
    assert re.findall(rb'"value":\[\d+,"(\d+)"\]', received) == [b"1", b"2", b"1"]

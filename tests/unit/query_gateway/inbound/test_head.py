"""What is recognised has one reading, and the parser of everybody else has the same."""

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query_gateway.inbound import head
from query_gateway.inbound.head import Head

PLAIN = b"GET /api/v1/query?query=up HTTP/1.1\r\nHost: x\r\n\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
POST = b"POST /api/v1/query HTTP/1.1\r\nHost: x\r\n"


def with_field(field: bytes, start: bytes = PLAIN) -> bytes:
    return start.replace(b"Host: x\r\n", b"Host: x\r\n" + field + b"\r\n")


def test_a_plain_head_is_read() -> None:
    raw = POST + FORM + b"Content-Length: 8\r\nX-A:  b c\t\r\nx-a: d\r\n\r\n"

    assert head.read(raw) == Head(
        method="POST",
        path="/api/v1/query",
        query=b"",
        fields={
            "host": ("x",),
            "content-type": ("application/x-www-form-urlencoded",),
            "content-length": ("8",),
            "x-a": ("b c", "d"),
        },
        length=8,
    )


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(PLAIN, id="a GET"),
        pytest.param(PLAIN.replace(b"up", b"up{a=~%22b|c%22}"), id="escapes and braces"),
        pytest.param(PLAIN.replace(b"up", b"a?b"), id="a second question mark"),
        pytest.param(POST + b"\r\n", id="a POST without a body"),
        pytest.param(POST + FORM + b"Content-Length: 0\r\n\r\n", id="a POST of nothing"),
        pytest.param(with_field(b"Connection: Keep-Alive"), id="keep-alive"),
        pytest.param(with_field(b"Accept-Encoding: gzip"), id="an accepted encoding"),
        pytest.param(with_field(b"Content-Length: 0"), id="a GET of nothing"),
        pytest.param(with_field(b"X-A:"), id="an empty value"),
    ],
)
def test_what_clients_send_is_recognised(raw: bytes) -> None:
    assert head.read(raw) is not None


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(PLAIN.replace(b"1.1", b"1.0"), id="HTTP/1.0"),
        pytest.param(PLAIN.replace(b"GET", b"get"), id="another method"),
        pytest.param(PLAIN.replace(b"GET", b"HEAD"), id="HEAD"),
        pytest.param(PLAIN.replace(b"/api", b"http://x/api"), id="absolute form"),
        pytest.param(PLAIN.replace(b"up", b"up#a"), id="a fragment"),
        pytest.param(PLAIN.replace(b"up", b"\xc3\xa4"), id="not ASCII"),
        pytest.param(PLAIN.replace(b"GET /", b"GET  /"), id="two spaces"),
        pytest.param(PLAIN.replace(b"GET /", b"GET\t/"), id="a tab"),
        pytest.param(PLAIN.replace(b"Host: x\r\n", b""), id="no host"),
        pytest.param(with_field(b"Host: y"), id="two hosts"),
        pytest.param(PLAIN.replace(b"Host: x\r\n", b"Host: x\nA: b\r\n"), id="a bare line feed"),
        pytest.param(with_field(b"X-A: b\nX-B: c"), id="a line feed in a field"),
        pytest.param(with_field(b"X-A: b\rX-B: c"), id="a carriage return in a field"),
        pytest.param(with_field(b"X-A : b"), id="a space before the colon"),
        pytest.param(with_field(b" X-A: b"), id="a folded field"),
        pytest.param(with_field(b"X-A: b\r\n c"), id="a continued field"),
        pytest.param(with_field(b"X-A"), id="no colon"),
        pytest.param(with_field(b": b"), id="no name"),
        pytest.param(with_field(b"X-A: \0"), id="NUL"),
        pytest.param(with_field(b"X-A: \xe4"), id="a value that is not ASCII"),
        pytest.param(with_field(b"Transfer-Encoding: chunked"), id="chunks"),
        pytest.param(with_field(b"Transfer-Encoding: identity"), id="another coding"),
        pytest.param(with_field(b"Content-Encoding: gzip"), id="a content encoding"),
        pytest.param(with_field(b"Expect: 100-continue"), id="an expectation"),
        pytest.param(with_field(b"Upgrade: h2c"), id="an upgrade"),
        pytest.param(with_field(b"Connection: close"), id="close"),
        pytest.param(with_field(b"Connection: keep-alive, X-Tenant-Namespace"), id="hop by hop"),
        pytest.param(with_field(b"Content-Length: 1"), id="a GET with a body"),
        pytest.param(POST + b"Content-Length: 8\r\n\r\n", id="a body without a type"),
        pytest.param(POST + FORM + b"Content-Length: 8, 8\r\n\r\n", id="a list of lengths"),
        pytest.param(
            POST + FORM + b"Content-Length: 8\r\nContent-Length: 8\r\n\r\n", id="two lengths"
        ),
        pytest.param(POST + FORM + b"Content-Length: +8\r\n\r\n", id="a sign"),
        pytest.param(POST + FORM + b"Content-Length: 08\r\n\r\n", id="a leading zero"),
        pytest.param(POST + FORM + b"Content-Length: 0x8\r\n\r\n", id="hexadecimal"),
        pytest.param(POST + FORM + b"Content-Length: \r\n\r\n", id="an empty length"),
        pytest.param(POST + FORM + b"Content-Length: 99999999999\r\n\r\n", id="a huge length"),
        pytest.param(
            POST + b"Content-Type: application/json\r\nContent-Length: 8\r\n\r\n", id="JSON"
        ),
        pytest.param(POST + FORM + FORM + b"Content-Length: 8\r\n\r\n", id="two types"),
        pytest.param(with_field(b"X-A: " + b"b" * head.MOST_BYTES), id="too long"),
    ],
)
def test_everything_else_is_not_recognised(raw: bytes) -> None:
    assert head.read(raw) is None


@pytest.mark.parametrize("end", range(1, len(PLAIN) - 3))
def test_a_beginning_may_become_a_head(end: int) -> None:
    start = PLAIN[:end]

    # Between the two bytes that end a line, and before the method is clear, aiohttp takes over.
    assert head.may_become(start) or start.endswith(b"\r") or len(start) < len(b"GET /")


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(b"\x16\x03\x01\x02\x00", id="TLS"),
        pytest.param(b"GET /api/v1/query?query=up\r\n", id="HTTP/0.9"),
        pytest.param(b"GET /api/v1/query HTTP/1.1\nHost: x\n\n", id="bare line feeds"),
        pytest.param(b"GET /api/v1/query HTTP/1.1\r\nHost : x\r\n", id="a bad field"),
        pytest.param(b"PRI * HTTP/2.0\r\n", id="HTTP/2"),
        pytest.param(b"GET /" + b"a" * head.MOST_BYTES, id="too long"),
    ],
)
def test_nothing_is_waited_for_where_it_would_be_in_vain(start: bytes) -> None:
    assert not head.may_become(start)


def test_the_head_of_an_answer_is_written() -> None:
    assert (
        head.write(404, {"A": "b"}, {"C": "d"}) == b"HTTP/1.1 404 Not Found\r\nA: b\r\nC: d\r\n\r\n"
    )


class Parsed:
    """What llhttp takes a request for."""

    def __init__(self, raw: bytes) -> None:
        self.url = b""
        self.fields: list[tuple[str, str]] = []
        self.body = b""
        self.complete = 0
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(raw)

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.decode().lower(), value.decode().strip(" \t")))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete += 1


_LINES = st.sampled_from(
    [
        b"Host: x",
        b"Content-Length: 8",
        b"Content-Length: 08",
        b"Content-Length : 8",
        b"Content-Length: 8\n",
        b"content-length:8",
        b"Transfer-Encoding: chunked",
        b"Content-Type: application/x-www-form-urlencoded",
        b"Connection: keep-alive",
        b"Connection: upgrade",
        b"X-A: b\rc",
        b"X-A:\tb",
        b"X_A: b",
        b" X-A: b",
        b"X-Tenant-Namespace: shop",
        b"",
    ]
)
_FIRST_LINES = st.sampled_from(
    [
        b"POST /api/v1/query HTTP/1.1",
        b"GET /api/v1/query?query=up HTTP/1.1",
        b"GET  /api/v1/query HTTP/1.1",
        b"POST /api/v1/query HTTP/1.0",
        b"POST /api/v1/query?a#b HTTP/1.1",
    ]
)


@given(first=_FIRST_LINES, lines=st.lists(_LINES, max_size=6), noise=st.binary(max_size=3))
@settings(max_examples=400, deadline=None)
def test_what_is_recognised_is_the_same_to_llhttp(
    first: bytes, lines: list[bytes], noise: bytes
) -> None:
    raw = b"\r\n".join([first + noise, *lines]) + head.END
    raw = raw[: raw.index(head.END) + len(head.END)]
    found = head.read(raw)
    if found is None:
        return

    body = b"b" * found.length
    parsed = Parsed(raw + body)

    query = b"?" + found.query if found.query or b"?" in parsed.url else b""
    assert parsed.url == found.path.encode() + query
    assert parsed.body == body
    assert parsed.complete == 1
    assert parsed.parser.get_method().decode() == found.method
    together: dict[str, tuple[str, ...]] = {}
    for name, value in parsed.fields:
        together[name] = (*together.get(name, ()), value)
    assert together == found.fields

"""An answer that could end in two places is none."""

from collections.abc import Iterator

import pytest

from query_gateway.wire.answer import Answer
from query_gateway.wire.errors import Broken

OK = b"HTTP/1.1 200 OK\r\n"
WHOLE = OK + b"Content-Type: application/json\r\nContent-Length: 5\r\n\r\nhello"


def read(*pieces: bytes) -> Answer:
    answer = Answer()
    for piece in pieces:
        answer.feed(piece)
    return answer


def bytewise(data: bytes) -> Iterator[bytes]:
    return (data[at : at + 1] for at in range(len(data)))


@pytest.mark.parametrize(
    ("data", "length", "body"),
    [
        pytest.param(WHOLE, 5, b"hello", id="with its length"),
        pytest.param(
            OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
            None,
            b"hello",
            id="in chunks",
        ),
        pytest.param(
            OK + b"Transfer-Encoding: Chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
            None,
            b"hello",
            id="in chunks with extensions and a trailer",
        ),
        pytest.param(OK + b"Content-Length: 0\r\n\r\n", 0, b"", id="empty"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", None, b"", id="nothing"),
        pytest.param(b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\n" + WHOLE, 5, b"hello", id="interim"),
    ],
)
@pytest.mark.parametrize("split", [lambda data: [data], bytewise], ids=["at once", "by bytes"])
def test_an_answer_is_read(split: object, data: bytes, length: int | None, body: bytes) -> None:
    answer = read(*split(data))  # type: ignore[operator]

    assert (answer.length, answer.take(), answer.complete) == (length, body, True)
    assert answer.reusable
    assert answer.header(b"trailer") == answer.header(b"a") == ""


def test_a_header_that_comes_twice_holds_both() -> None:
    answer = read(OK + b"Content-Type: a\r\ncontent-type: b\r\nContent-Length: 0\r\n\r\n")

    assert answer.header(b"content-type") == "a, b"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(OK + b"\r\nhello", id="until the connection ends"),
        pytest.param(
            OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", id="length and chunks"
        ),
        pytest.param(
            OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", id="chunks and length"
        ),
        pytest.param(OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n", id="two lengths"),
        pytest.param(OK + b"Content-Length: 5, 5\r\n\r\n", id="a list of lengths"),
        pytest.param(OK + b"Content-Length: +5\r\n\r\n", id="a length with a sign"),
        pytest.param(OK + b"Content-Length: -1\r\n\r\n", id="a negative length"),
        pytest.param(OK + b"Content-Length: 0x5\r\n\r\n", id="a hexadecimal length"),
        pytest.param(OK + b"Content-Length : 5\r\n\r\n", id="a blank before the colon"),
        pytest.param(OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", id="another coding too"),
        pytest.param(OK + b"Transfer-Encoding: gzip\r\n\r\n", id="another coding"),
        pytest.param(OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n", id="chunked twice"),
        pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\n2\nhe\r\n", id="bare LF in a chunk"),
        pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", id="a negative chunk"),
        pytest.param(
            OK + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", id="an endless chunk"
        ),
        pytest.param(
            OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhexx", id="a chunk without an end"
        ),
        pytest.param(b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", id="bare LF"),
        pytest.param(OK + b"A: b\r\n c\r\nContent-Length: 0\r\n\r\n", id="a folded header"),
        pytest.param(b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", id="another version"),
        pytest.param(b"HTTP/1.1 999999 OK\r\n\r\n", id="no status"),
        pytest.param(
            b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", id="an upgrade"
        ),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="not HTTP"),
        pytest.param(OK + b"A: " + b"x" * 40_000 + b"\r\n\r\n", id="a long header"),
        pytest.param(OK + b"A: b\r\n" * 101 + b"\r\n", id="many headers"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000, id="interim answers for ever"),
    ],
)
@pytest.mark.parametrize("split", [lambda data: [data], bytewise], ids=["at once", "by bytes"])
def test_what_is_not_plain_is_no_answer(split: object, data: bytes) -> None:
    with pytest.raises(Broken):
        read(*split(data))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("head", "endless"),
    [
        pytest.param(OK + b"A: ", b"x" * 1000, id="a header"),
        pytest.param(
            OK + b"Transfer-Encoding: chunked\r\n\r\n5;a=", b"x" * 1000, id="an extension"
        ),
        pytest.param(
            OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: ",
            b"x" * 1000,
            id="a trailer",
        ),
    ],
)
def test_what_never_ends_is_given_up(head: bytes, endless: bytes) -> None:
    answer = read(head)
    answer.take()

    def feed_for_ever() -> None:
        for _ in range(1000):
            answer.feed(endless)

    with pytest.raises(Broken):
        feed_for_ever()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(WHOLE + WHOLE, id="another answer behind it"),
        pytest.param(WHOLE + b"x", id="something behind it"),
        pytest.param(
            WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
            id="the backend will close",
        ),
        pytest.param(WHOLE.replace(b"1.1", b"1.0"), id="HTTP/1.0"),
        pytest.param(b"HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\nabc", id="a body without one"),
    ],
)
def test_after_some_answers_the_connection_is_not_used_again(data: bytes) -> None:
    answer = read(data)

    assert answer.complete
    assert not answer.reusable
    assert answer.take() in (b"hello", b"")


def test_an_answer_that_is_not_here_yet_is_not_complete() -> None:
    answer = read(WHOLE[:-1])

    assert (answer.status, answer.complete, answer.reusable) == (200, False, False)


def test_the_next_answer_begins_anew() -> None:
    answer = read(WHOLE)
    answer.take()
    answer.renew()

    assert (answer.status, answer.complete, answer.header(b"content-type")) == (0, False, "")
    answer.feed(OK + b"Content-Length: 1\r\n\r\nx")
    assert (answer.length, answer.take(), answer.reusable) == (1, b"x", True)

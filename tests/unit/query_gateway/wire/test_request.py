"""A request is what was put into it, and cannot be made another one."""

import pytest

from query_gateway.wire import request


@pytest.mark.parametrize(
    ("url", "origin", "path", "host"),
    [
        pytest.param("http://a/p", request.Origin("a", 80, False), "/p", "a", id="plain"),
        pytest.param("https://a/p", request.Origin("a", 443, True), "/p", "a", id="TLS"),
        pytest.param("http://a:9/p", request.Origin("a", 9, False), "/p", "a:9", id="a port"),
        pytest.param("http://[::1]:9/", request.Origin("::1", 9, False), "/", "[::1]:9", id="IPv6"),
        pytest.param("http://a/x%2Fy", request.Origin("a", 80, False), "/x%2Fy", "a", id="escaped"),
    ],
)
def test_a_url_says_where_to_go(url: str, origin: request.Origin, path: str, host: str) -> None:
    to = request.target(url)

    assert (to.origin, to.path, to.fields) == (origin, path, f"Host: {host}\r\n")


def test_credentials_in_a_url_are_sent() -> None:
    to = request.target("http://u:p%40ss@a/")

    assert to.fields == "Host: a\r\nAuthorization: Basic dTpwQHNz\r\n"


@pytest.mark.parametrize(
    "url", ["ftp://a/", "http:///x", "a/b", "http://a/b c", "http://a/b\r\nX: y"]
)
def test_anything_else_is_no_url(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        request.target(url)


def test_a_request_is_complete() -> None:
    to = request.target("http://a:9/api/v1/query")

    assert request.message("POST", to, fields="Accept: x\r\n", body=b"query=up") == (
        b"POST /api/v1/query HTTP/1.1\r\nHost: a:9\r\nAccept: x\r\nContent-Length: 8\r\n\r\nquery=up"
    )
    assert request.message("GET", to, query="a=b", fields="") == (
        b"GET /api/v1/query?a=b HTTP/1.1\r\nHost: a:9\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        pytest.param("a=b c", "", id="a blank in the query"),
        pytest.param("a=b\r\nX: y", "", id="a line break in the query"),
        pytest.param("a=ä", "", id="not ASCII"),
        pytest.param("", "A: ä\r\n", id="a header that is not ASCII"),
    ],
)
def test_what_would_be_read_as_something_else_is_refused(query: str, fields: str) -> None:
    to = request.target("http://a/")

    with pytest.raises(ValueError, match=r"."):
        request.message("GET", to, query=query, fields=fields)

"""Where a request ends, for every reader of it; pure.

A proxy in front sends the requests of many users over one connection. What it takes for a part of one
request's body must not be a request of its own here. The parser refuses most of what is ambiguous;
these are codings that it reads and others do not.
"""

from collections.abc import Sequence

from query_gateway.failures import Failure


def check(version: tuple[int, int], codings: Sequence[str]) -> None:
    """Refuse a request of this HTTP version with these values of `Transfer-Encoding`.

    Raises `Failure`; nothing more may be read from the connection then.
    """
    if not codings:
        return
    if version < (1, 1):  # RFC 9112, section 6.1: treat the framing as faulty
        raise Failure("malformed", "Transfer-Encoding needs HTTP/1.1")
    if [coding.strip().lower() for coding in codings] != ["chunked"]:
        raise Failure("malformed", "the only Transfer-Encoding that is accepted is chunked")

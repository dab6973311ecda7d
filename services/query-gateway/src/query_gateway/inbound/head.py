"""Recognise the heads of requests that have one reading only, and write the heads of answers; pure.

This is no parser of HTTP. Most of what is legal is not recognised and left to aiohttp, to be
answered or refused there: what is recognised must mean the same to every reader of RFC 9112, so
that no proxy in front can take it for something else.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus

import msgspec

from query_gateway import fields

MOST_BYTES = 16 * 1024
"""Longest head that is recognised."""

FORM = "application/x-www-form-urlencoded"

END = b"\r\n\r\n"
"""The end of a head."""

# Neither `#` nor anything that is not visible ASCII.
_FIRST = re.compile(rb"(GET|POST) (/[!\"$->@-~]*)(?:\?([!\"$-~]*))? HTTP/1\.1")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t -~]*)")
_BEGINNING = re.compile(rb"(?:GET|POST) /[!-~]*(?: [!-~]*)?")
_LENGTH = re.compile(r"0|[1-9][0-9]{0,8}")
_UNUSUAL = frozenset(
    {"content-encoding", "expect", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers that change how a request is read."""
_PHRASES = {one.value: one.phrase for one in HTTPStatus}


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The head of a request."""

    method: str
    path: str
    query: bytes
    """What follows the `?`."""
    fields: dict[str, tuple[str, ...]]
    """The values of each header, whose names are in lower case."""
    length: int
    """Bytes of the body, which is a form if there is one."""


def read(raw: bytes) -> Head | None:
    """Return the head in `raw`, which ends with its empty line; None for what is not recognised."""
    first, *lines = raw[: -len(END)].split(b"\r\n")
    asked = _FIRST.fullmatch(first)
    if asked is None or len(raw) > MOST_BYTES:
        return None
    found: dict[str, tuple[str, ...]] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            return None
        name, value = field[1].decode().lower(), field[2].decode().strip(" \t")
        found[name] = (*found.get(name, ()), value)
    method, path, query = asked.groups(b"")
    length = _length(method, found)
    if length is None or not _is_usual(found):
        return None
    return Head(
        method=method.decode(), path=path.decode(), query=query, fields=found, length=length
    )


def may_become(start: bytes) -> bool:
    """Return whether `start`, which holds no end of a head, may be the beginning of one that is recognised."""
    *lines, rest = start.split(b"\r\n")
    if len(start) > MOST_BYTES or b"\n" in rest:
        return False
    if not lines:
        return _BEGINNING.fullmatch(rest) is not None
    first, *others = lines
    return _FIRST.fullmatch(first) is not None and all(map(_FIELD.fullmatch, others))


def _is_usual(found: Mapping[str, tuple[str, ...]]) -> bool:
    if not _UNUSUAL.isdisjoint(found) or len(found.get("host", ())) != 1:
        return False
    return all(value.lower() == "keep-alive" for value in found.get("connection", ()))


def _length(method: bytes, found: Mapping[str, tuple[str, ...]]) -> int | None:
    """Return the length of the body, None where it is not plain that there is such a form."""
    lengths = found.get("content-length", ("0",))
    if len(lengths) != 1 or not _LENGTH.fullmatch(lengths[0]):
        return None
    length = int(lengths[0])
    if method == b"GET":
        return None if length else 0
    types = found.get("content-type", ())
    return length if types == (FORM,) or not (types or length) else None


def write(status: int, headers: Mapping[str, str], more: Mapping[str, str]) -> bytes:
    """Return the head of an answer, with both `headers`.

    Raises ValueError for one that would be read as something else.
    """
    lines = fields.text(headers) + fields.text(more)
    return f"HTTP/1.1 {status} {_PHRASES[status]}\r\n{lines}\r\n".encode("latin-1")

"""The bytes of a request to a backend; pure."""

import base64
import functools
import ssl
from dataclasses import dataclass
from typing import Literal

from yarl import URL


@dataclass(frozen=True)
class Origin:
    """Where connections go."""

    host: str
    port: int
    tls: bool
    context: ssl.SSLContext | None = None
    """How certificates are verified and ours is shown; None: as the pool does."""
    server_name: str | None = None
    """Name that the backend's certificate must have; None: the host."""


@dataclass(frozen=True)
class Target:
    """Where one kind of request goes: what of its head depends on nothing but the URL."""

    origin: Origin
    path: str
    """Percent-encoded."""
    fields: str
    """The header `Host`, and the credentials that stand in the URL."""


@functools.lru_cache(maxsize=1024)
def target(url: str) -> Target:
    """Return where `url` leads, which has neither query nor fragment. Raises ValueError."""
    read = URL(url, encoded=True)
    if read.scheme not in ("http", "https") or not read.raw_host or read.port is None:
        raise ValueError("not the URL of an HTTP server")
    fields = f"Host: {read.host_port_subcomponent}\r\n"
    if read.user is not None:
        credentials = f"{read.user}:{read.password or ''}".encode()
        fields += f"Authorization: Basic {base64.b64encode(credentials).decode()}\r\n"
    origin = Origin(read.raw_host, read.port, tls=read.scheme == "https")
    return Target(origin, _sane(read.raw_path), fields)


def message(
    method: Literal["GET", "POST"],
    to: Target,
    *,
    query: str = "",
    fields: str,
    body: bytes = b"",
) -> bytes:
    """Return a whole request; `fields` is the text of its headers, see `fields.text`.

    Raises ValueError for a head that would be read as something else.
    """
    path = _sane(f"{to.path}?{query}") if query else to.path
    length = f"Content-Length: {len(body)}\r\n" if method == "POST" else ""
    head = f"{method} {path} HTTP/1.1\r\n{to.fields}{fields}{length}\r\n"
    return head.encode("ascii") + body


def _sane(path: str) -> str:
    """Return `path` if it is one word. Raises ValueError."""
    if not (path.isascii() and path.isprintable()) or " " in path:
        raise ValueError("not a path")
    return path

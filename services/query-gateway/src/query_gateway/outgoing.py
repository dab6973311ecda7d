"""A call becomes the bytes for one backend: where to, with whose credentials, and who has to be there."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from query_gateway import fields, form, incarnation
from query_gateway.calls import PROTOBUF, Call
from query_gateway.wire import request
from query_gateway.wire.pool import Greeting
from tenantry_common.backend_access import Keyring, Way
from tenantry_common.contracts import Backend

_USER_AGENT = {"User-Agent": "tenantry-query-gateway"}
_FORM = fields.text({"Content-Type": "application/x-www-form-urlencoded"})
_REMOTE_READ = fields.text(
    {
        "Content-Type": PROTOBUF,
        "Content-Encoding": "snappy",
        "X-Prometheus-Remote-Read-Version": "0.1.0",
    }
)


class Addressed(NamedTuple):
    """A request that can be sent."""

    origin: request.Origin
    message: bytes
    greeting: Callable[[], Greeting] | None
    """What a new connection begins with, where it matters that the process is a known one."""


class Outgoing:
    """Builds the requests to backends."""

    def __init__(self, headers: Mapping[str, str], keyring: Keyring) -> None:
        """Take the `headers` of every request; `keyring` has the credentials of backends."""
        self._headers = {**headers, **_USER_AGENT}
        self._fields = fields.text(self._headers)
        self._keyring = keyring

    def addressed(self, backend: Backend, call: Call, more: Mapping[str, str]) -> Addressed:
        """Return the request, with `more` headers. Raises `backend_access.Closed` and ValueError."""
        way = self._keyring.open(backend.url, backend.access)
        to = request.target(f"{backend.url}{call.path}")
        greeting = functools.partial(self._greeting, backend, way) if backend.started else None
        return Addressed(
            _origin(to, way), self._message(to, call, {**more, **way.headers}), greeting
        )

    def _greeting(self, backend: Backend, way: Way) -> Greeting:
        to = request.target(f"{backend.url}{incarnation.ASK.path}")
        return Greeting(
            self._message(to, incarnation.ASK, way.headers),
            functools.partial(incarnation.check, backend.started),
        )

    def _message(self, to: request.Target, call: Call, more: Mapping[str, str]) -> bytes:
        lines = fields.text({**self._headers, **more}) if more else self._fields
        lines += call.media.fields
        text = form.encode(call.form)
        if call.method == "GET":
            return request.message("GET", to, query=text, fields=lines)
        own = _REMOTE_READ if call.message else _FORM
        body = call.message or text.encode("ascii")
        return request.message("POST", to, fields=lines + own, body=body)


def _origin(to: request.Target, way: Way) -> request.Origin:
    """Return where to connect to, over TLS with the certificates of `way`."""
    if isinstance(way.tls, bool):
        return to.origin
    return replace(to.origin, context=way.tls, server_name=way.server_name)

"""What is sent to a backend, and what kind of answer is taken; pure."""

import functools
from dataclasses import dataclass
from typing import Literal

import msgspec

from query_gateway import fields
from query_gateway.form import Pairs

JSON = "application/json"
NDJSON = "application/x-ndjson"
PROTOBUF = "application/x-protobuf"
CHUNKS = "application/x-streamed-protobuf"


@dataclass(frozen=True, kw_only=True)
class Media:
    """How an answer may be represented. An answer in any other way is none."""

    accept: str = JSON
    """The header `Accept`."""
    types: frozenset[str] = frozenset({JSON})
    """Content types that are taken, without parameters."""
    encoding: Literal["identity", "snappy"] = "identity"
    """The content encoding that is asked for and taken. Bodies are passed on as they are, or read;
    neither wants them compressed, but remote read knows nothing else."""
    may_be_nothing: bool = False
    """Whether status 204, without any body, is an answer."""

    @functools.cached_property
    def fields(self) -> str:
        """The headers that say so, as text."""
        return fields.text({"Accept": self.accept, "Accept-Encoding": self.encoding})


AS_JSON = Media()
AS_JSON_OR_NOTHING = Media(may_be_nothing=True)
AS_LINES = Media(accept=NDJSON, types=frozenset({NDJSON}))
AS_SAMPLES = Media(accept=PROTOBUF, types=frozenset({PROTOBUF}), encoding="snappy")
AS_CHUNKS = Media(accept=CHUNKS, types=frozenset({CHUNKS}))


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One upstream request, complete but for the backend."""

    method: Literal["GET", "POST"]
    path: str
    """Percent-encoded, starting with a slash."""
    form: Pairs = ()
    message: bytes = b""
    """The body of a remote read, a snappy block; then there is no form."""
    media: Media = AS_JSON

    def __repr__(self) -> str:
        """Show nothing that a tenant has asked."""
        return f"<Call {self.method} {self.path}>"

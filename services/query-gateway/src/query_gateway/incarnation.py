"""Whether the process at the other end is the one that discovery saw; pure.

One that started later may hold less than what is known of it, an empty database at worst.
"""

import msgspec

from query_gateway.calls import Call
from query_gateway.wire.errors import Broken

ASK = Call(method="GET", path="/api/v1/status/runtimeinfo")


class _RuntimeInfo(msgspec.Struct):
    start_time: str = msgspec.field(name="startTime")


class _Answer(msgspec.Struct):
    data: _RuntimeInfo


_decoder = msgspec.json.Decoder(_Answer)


def check(started: str, status: int, body: bytes) -> None:
    """Raise `Broken` unless the answer to `ASK` is that of the process that started then."""
    try:
        found = _decoder.decode(body).data.start_time if status == 200 else ""
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = ""
    if found != started:
        raise Broken("discovery has not seen this process yet")

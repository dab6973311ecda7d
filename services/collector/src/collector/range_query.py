"""Ask by PromQL range selectors where remote read is closed, and answer as remote read would; pure.

``GET /api/v1/query`` with ``{…}[30000ms]`` at the window's end gives the stored samples with their
timestamps. Prometheus 2 includes the millisecond at the range's start, Prometheus 3 does not: asked
for is one that may hold it, and what lies outside the window is left out later, as always.

What JSON cannot tell is lost: stale markers, the bits of a NaN, native histograms. External labels
are not part of such an answer; they are added as remote read adds them, so that a series is the
same series whichever way it came.
"""

import struct
from collections.abc import Iterator, Mapping

import msgspec

from tenantry_common import contracts, errors, protowire, remote_write
from tenantry_common.remote_read import Query

_NAN = struct.pack("<Q", 0x7FF8000000000001)  # the NaN that Prometheus' own parsers make
_PAUSE_SAMPLES = 20_000


class _Series(msgspec.Struct):
    metric: dict[str, str]
    values: list[tuple[float, str]] = []
    histograms: list[msgspec.Raw] = []


class _Data(msgspec.Struct, rename="camel"):
    result_type: str
    result: list[_Series]


class _Answer(msgspec.Struct):
    status: str
    data: _Data


_decoder = msgspec.json.Decoder(_Answer)


def parameters(query: Query) -> dict[str, str]:
    """Return the parameters of `/api/v1/query` that ask for the samples of `query`."""
    selector = selector_of(query.matchers)
    # One millisecond more than `query` has: the server may or may not include the first one.
    span = query.end_ms - query.start_ms + 1
    return {"query": f"{selector}[{span}ms]", "time": f"{query.end_ms / 1000:.3f}"}


def selector_of(matchers: tuple[contracts.Matcher, ...]) -> str:
    """Return the PromQL series selector with these matchers, label names of any characters."""
    inner = ",".join(f"{_name(m.label)}{m.op}{_quoted(m.value)}" for m in matchers)
    return f"{{{inner}}}"


def _name(label: str) -> str:
    plain = label.isascii() and label.replace("_", "a").isalnum() and not label[0].isdigit()
    return label if plain else _quoted(label)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def read_result(body: bytes, external_labels: Mapping[str, str]) -> Iterator[bytes]:
    """Yield the series of an answer as the bytes of a `QueryResult`, piece by piece.

    Raises `errors.Undecodable` for what is not a successful answer with a matrix.
    """
    try:
        answer = _decoder.decode(body)
    except msgspec.DecodeError as error:
        raise errors.Undecodable(f"not an answer with a matrix: {error}") from error
    if answer.status != "success" or answer.data.result_type != "matrix":
        raise errors.Undecodable("not an answer with a matrix")
    piece: list[bytes] = []
    samples = 0
    for series in answer.data.result:
        labels = remote_write.encode_labels({**external_labels, **series.metric})
        try:
            encoded = b"".join([_sample(time, value) for time, value in series.values])
        except (ValueError, OverflowError) as error:
            raise errors.Undecodable(f"not a sample: {error}") from error
        piece.append(remote_write.time_series(labels, encoded))
        samples += len(series.values)
        if samples > _PAUSE_SAMPLES:
            yield b"".join(piece)
            piece, samples = [], 0
    yield b"".join(piece)


def _sample(seconds: float, text: str) -> bytes:
    value = float(text)
    bits = struct.pack("<d", value) if value == value else _NAN
    stamp = b"\x10" + protowire.varint(round(seconds * 1000))
    # As Prometheus does it: a zero is left out. A negative one is not, it would lose its sign.
    body = stamp if bits == bytes(8) else b"\x09" + bits + stamp
    return protowire.delimited(remote_write.SAMPLE, body)

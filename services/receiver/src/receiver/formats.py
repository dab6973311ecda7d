"""Which decoder reads a body, by what its headers say of it; pure. What is not known is refused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message

from receiver import bodies, refusal
from receiver.bodies import Bounds, Collected
from tenantry_common import metric_families, metric_text, written_rows
from tenantry_common.pushed import Group, MetricType

type Decoded = tuple[list[Group], dict[str, MetricType]]
"""The rows, and types of metrics that are told apart from them."""

_SNAPPY = "snappy"


@dataclass(frozen=True, kw_only=True)
class Format:
    """How a body is read."""

    collect: Callable[[Bounds], Collected]
    decode: Callable[[bytes], Decoded]
    version: str = ""
    """Of remote write; empty for uploads."""


def upload(content_type: str | None, encoding: str | None) -> Format:
    """Return how an upload is read. Raises `refusal.Refused`."""
    kind, parameters = _parsed(content_type)
    return Format(collect=_collect_upload(encoding), decode=_decode_upload(kind, parameters))


def written(content_type: str | None, encoding: str | None) -> Format:
    """Return how a remote write is read. Raises `refusal.Refused`."""
    kind, parameters = _parsed(content_type)
    if (encoding or "").strip().lower() != _SNAPPY:
        raise refusal.unsupported("a remote write has Content-Encoding: snappy")
    if kind != "application/x-protobuf":
        raise refusal.unsupported(f"content type {kind!r} is not known here")
    match parameters.get("proto", "prometheus.WriteRequest"):
        case "prometheus.WriteRequest":
            return Format(collect=_block, decode=_decode_v1, version="1.0")
        case "io.prometheus.write.v2.Request":
            return Format(collect=_block, decode=_decode_v2, version="2.0")
        case other:
            raise refusal.unsupported(f"message {other!r} is not known here")


def _collect_upload(encoding: str | None) -> Callable[[Bounds], Collected]:
    match (encoding or "identity").strip().lower():
        case "snappy":
            return bodies.frames
        case "identity":
            return lambda bounds: bodies.Plain(bounds.decoded)
        case other:
            raise refusal.unsupported(f"content encoding {other!r} is not known here")


def _decode_upload(kind: str, parameters: Mapping[str, str]) -> Callable[[bytes], Decoded]:
    if kind == metric_families.CONTENT_TYPE:
        if parameters.get("proto", metric_families.PROTO) != metric_families.PROTO:
            raise refusal.unsupported("only messages io.prometheus.client.MetricFamily are read")
        if parameters.get("encoding") != metric_families.ENCODING:
            raise refusal.unsupported("only the encoding `delimited` is read")
        return lambda body: (metric_families.read(body), {})
    if kind == metric_text.CONTENT_TYPE:
        if parameters.get("version", "0.0.4") != "0.0.4":
            raise refusal.unsupported("only version 0.0.4 of the text format is read")
        return lambda body: (metric_text.read(body), {})
    raise refusal.unsupported(f"content type {kind!r} is not known here")


def _parsed(content_type: str | None) -> tuple[str, dict[str, str]]:
    if not content_type:
        raise refusal.unsupported("the Content-Type is missing")
    message = Message()
    message["content-type"] = content_type
    parameters = {key.lower(): value for key, value in (message.get_params() or [])[1:]}
    return message.get_content_type() if "/" in content_type else content_type, parameters


def _block(bounds: Bounds) -> Collected:
    return bodies.Block(bounds.size, bounds.decoded)


def _decode_v1(body: bytes) -> Decoded:
    group, types = written_rows.read(body)
    return [group], types


def _decode_v2(body: bytes) -> Decoded:
    group, types = written_rows.read_v2(body)
    return [group], types

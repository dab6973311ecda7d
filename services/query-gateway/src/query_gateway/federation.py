"""In which format a tenant wants what `/federate` answers; pure.

The header `Accept` is read and written again: what goes upstream is one of the formats that
Prometheus knows, in words of our own.
"""

from query_gateway.calls import Media

_TEXT = "text/plain"
_OPEN_METRICS = "application/openmetrics-text"
_PROTOBUF = "application/vnd.google.protobuf"
_KNOWN: dict[str, dict[str, frozenset[str]]] = {
    _TEXT: {"version": frozenset({"0.0.4", "1.0.0"})},
    _OPEN_METRICS: {"version": frozenset({"0.0.1", "1.0.0", "2.0.0"})},
    _PROTOBUF: {
        "proto": frozenset({"io.prometheus.client.MetricFamily"}),
        "encoding": frozenset({"delimited", "text", "compact-text"}),
    },
    "text/*": {},
    "*/*": {},
}
"""The formats, with the values that their parameters may have."""
_ESCAPING = frozenset({"allow-utf-8", "underscores", "dots", "values"})
_MOST = 20


def media(accept: str) -> Media:
    """Return what to ask for when the tenant's header is `accept`; the text format in doubt."""
    ranges = [found for one in accept.split(",")[:_MOST] if (found := _range(one))]
    return Media(
        accept=", ".join(ranges) or f"{_TEXT};version=0.0.4",
        types=frozenset({_TEXT, _OPEN_METRICS, _PROTOBUF}),
    )


def _range(text: str) -> str:
    """Return one media range in our words, the empty string for a format that is not known."""
    name, *parameters = (part.strip() for part in text.split(";"))
    known = _KNOWN.get(name.lower())
    if known is None:
        return ""
    written = [name.lower()]
    for parameter in parameters:
        key, _, value = (part.strip() for part in parameter.partition("="))
        key, value = key.lower(), value.strip('"')
        if key == "q" and (quality := _quality(value)):
            written.append(f"q={quality}")
        elif value in known.get(key, ()) or (key == "escaping" and value in _ESCAPING):
            written.append(f"{key}={value}")
        elif key in known:
            return ""  # another version or encoding: another format
    return ";".join(written)


def _quality(value: str) -> str:
    try:
        quality = float(value) if value.isascii() else -1.0
    except ValueError:
        return ""
    return f"{quality:.3g}" if 0 <= quality <= 1 else ""

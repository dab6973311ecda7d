"""The formats of `/federate`, and which of them a client gets; pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from receiver.federate.rows import Row

TEXT = "text/plain"
OPEN_METRICS = "application/openmetrics-text"
PROTOBUF = "application/vnd.google.protobuf"

_MOST_RANGES = 20


class Wish(NamedTuple):
    """What a client is answered in."""

    media: str
    utf8: bool
    """Whether it reads names that are not of the old alphabet."""


class Key(NamedTuple):
    """What series have in common that are encoded together."""

    family: str
    """Those of one family stand together, under one head."""
    name: str


class Format(Protocol):
    """Encodes series so that those of one family can be put together without looking at them."""

    content_type: str
    end: bytes
    """What stands behind the last family."""

    def encode(self, rows: Iterable[Row], types: Mapping[str, str]) -> dict[Key, bytes]:
        """Return the series by their key; those that it cannot hold are left out."""
        ...

    def family(self, family: str, kind: str, chunks: Sequence[bytes]) -> list[bytes]:
        """Return the encoded family of `chunks`; `kind` is its type, empty when nobody says."""
        ...


def wish(accept: str) -> Wish | None:
    """Return what to answer a client whose header is `accept`; None when there is nothing for it.

    The text format, as Prometheus' own `/federate`, unless the client would rather have protocol
    buffers (a Prometheus that ingests native histograms) or does not take text.
    """
    quality: dict[str, float] = {}
    utf8 = False
    for one in accept.split(",")[:_MOST_RANGES]:
        media, parameters = _range(one)
        if media in ("*/*", "text/*"):
            media = TEXT
        if media == PROTOBUF and parameters.get("encoding", "delimited") != "delimited":
            continue
        wanted = _quality(parameters.get("q", "1"))
        if wanted > quality.get(media, 0.0):
            quality[media] = wanted
        utf8 = utf8 or parameters.get("escaping") == "allow-utf-8"
    if not accept.strip():
        return Wish(TEXT, False)
    text, other = quality.get(TEXT, 0.0), quality.get(PROTOBUF, 0.0)
    if other > text:
        return Wish(PROTOBUF, utf8)
    if text:
        return Wish(TEXT, utf8)
    return Wish(OPEN_METRICS, utf8) if quality.get(OPEN_METRICS) else None


def _range(text: str) -> tuple[str, dict[str, str]]:
    media, *parameters = (part.strip().lower() for part in text.split(";"))
    pairs = (part.partition("=") for part in parameters)
    return media, {key.strip(): value.strip().strip('"') for key, _, value in pairs}


def _quality(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        return 0.0
    return found if 0 <= found <= 1 else 0.0

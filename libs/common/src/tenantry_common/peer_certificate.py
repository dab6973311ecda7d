"""What a verified client certificate says about its holder; pure."""

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_KINDS = {"DNS": "dns", "URI": "uri", "email": "email", "IP Address": "ip"}


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A client certificate that a CA of ours has signed."""

    names: tuple[str, ...]
    """Every name in it with its kind: `dns:…`, `uri:…`, `email:…`, `ip:…`, `cn:…`. The kind is part
    of the name, so that no CA's habits let a name of one kind pass for one of another."""
    not_after: float
    """When it ends, in seconds since the epoch. A kept-alive connection may outlive it."""

    @property
    def name(self) -> str:
        """The name for logs."""
        return self.names[0] if self.names else "certificate without a name"


def read(peer: Mapping[str, Any] | None) -> Certificate | None:
    """Return the certificate that `ssl` decoded, None where none was verified.

    `ssl.SSLObject.getpeercert()` returns an empty mapping for one that it did not verify.
    """
    if not peer:
        return None
    return Certificate(
        names=tuple(_names(peer)), not_after=ssl.cert_time_to_seconds(peer["notAfter"])
    )


def _names(peer: Mapping[str, Any]) -> Iterator[str]:
    for kind, value in peer.get("subjectAltName", ()):
        if kind in _KINDS:
            yield f"{_KINDS[kind]}:{value}"
    for relative in peer.get("subject", ()):
        for attribute, value in relative:
            if attribute == "commonName":
                yield f"cn:{value}"

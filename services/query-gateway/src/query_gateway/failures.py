"""Why a request is not answered, and which status says so; pure."""

from dataclasses import dataclass
from typing import Literal

type Kind = Literal[
    "malformed",
    "syntax",
    "refused",
    "unauthenticated",
    "forbidden",
    "unknown_endpoint",
    "method",
    "slow_request",
    "too_large",
    "media_type",
    "too_many",
    "limit",
    "policies",
    "backends",
    "identity",
    "timeout",
    "upstream_bad_data",
    "upstream_execution",
    "violation",
    "internal",
]
"""Why a request was not answered; the label `reason` of the metric."""


@dataclass(frozen=True)
class _Meaning:
    status: int
    error_type: str


_MEANINGS: dict[Kind, _Meaning] = {
    "malformed": _Meaning(400, "bad_data"),
    "syntax": _Meaning(400, "bad_data"),
    "refused": _Meaning(422, "execution"),
    "unauthenticated": _Meaning(401, "unauthorized"),
    "forbidden": _Meaning(403, "forbidden"),
    "unknown_endpoint": _Meaning(404, "not_found"),
    "method": _Meaning(405, "bad_data"),
    "slow_request": _Meaning(408, "timeout"),
    "too_large": _Meaning(413, "bad_data"),
    "media_type": _Meaning(415, "bad_data"),
    "too_many": _Meaning(429, "too_many_requests"),
    "limit": _Meaning(422, "execution"),
    "policies": _Meaning(503, "unavailable"),
    "backends": _Meaning(503, "unavailable"),
    "identity": _Meaning(503, "unavailable"),
    "timeout": _Meaning(503, "timeout"),
    "upstream_bad_data": _Meaning(400, "bad_data"),
    "upstream_execution": _Meaning(422, "execution"),
    "violation": _Meaning(500, "internal"),
    "internal": _Meaning(500, "internal"),
}


class Failure(Exception):
    """A request cannot be answered; caught in one place, where it becomes the error envelope.

    `text` is for the tenant: it never holds another tenant's names, an injected matcher or a
    backend's address.
    """

    def __init__(self, kind: Kind, text: str, *, retry_after: float = 0.0, allow: str = "") -> None:
        super().__init__(text)
        self.kind: Kind = kind
        self.text = text
        self.retry_after = retry_after
        """Seconds after which it is worth asking again; 0 says nothing about that."""
        self.allow = allow
        """The methods that the endpoint takes, where another one was the matter."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        return _MEANINGS[self.kind].status

    @property
    def error_type(self) -> str:
        """The envelope's `errorType`, as Prometheus spells it where it has a word for it."""
        return _MEANINGS[self.kind].error_type

    def __repr__(self) -> str:
        return f"<Failure {self.kind} {self.status} {self.text!r}>"

"""Why a push is refused as a whole, and why a series of it is rejected; values and exceptions only."""

from enum import StrEnum

from tenantry_common import errors


class Reason(StrEnum):
    """Why a series is rejected while the rest of its push is stored."""

    NO_NAME = "no-name"
    """It has no `__name__`."""
    TOO_LONG = "too-long"
    """The name or the value of a label is longer than 255 bytes."""
    TOO_MANY_LABELS = "too-many-labels"
    """It has more than 128 labels."""
    MISSING_LABEL = "missing-label"
    """It lacks a label that the policy requires."""
    NO_TIMESTAMP = "no-timestamp"
    DECREASING = "decreasing"
    """Its timestamp is older than that of the series before it in the family."""
    TOO_OLD = "too-old"
    DUPLICATE = "duplicate"
    """Another sample of the push has the same labels, or would have after the label steps."""


class Refused(errors.TenantryError):
    """A push is refused as a whole, and nothing of it is stored. Answer `status` with the text."""

    def __init__(self, status: int, text: str, *, retry_after: int | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.retry_after = retry_after
        """Seconds after which the client may try again; None: it is not told."""


def unauthenticated(text: str) -> Refused:
    """Nobody whom we know."""
    return Refused(401, text)


def foreign(text: str) -> Refused:
    """A cluster speaks for another one, or for a job that is not its own."""
    return Refused(403, text)


def malformed(text: str) -> Refused:
    """The body is not what it says, or not what the policy demands."""
    return Refused(400, text)


def too_large(text: str) -> Refused:
    """The body is larger than is taken."""
    return Refused(413, text)


def unsupported(text: str) -> Refused:
    """A content type or an encoding that is not known, or is missing."""
    return Refused(415, text)


def too_often(text: str, retry_after: int) -> Refused:
    """More often than the interval of the cluster."""
    return Refused(429, text, retry_after=max(1, retry_after))


def unavailable(text: str, retry_after: int = 5) -> Refused:
    """Something of ours is away. The push was not wrong."""
    return Refused(503, text, retry_after=retry_after)

"""What one probe of a backend found; values, made by `probe` and judged by `group`; pure."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Silent:
    """Something that the backend did not tell.

    `closed` says that it answered and does not serve this (a proxy in front, another product);
    otherwise it did not answer now and may do so later.
    """

    reason: str
    closed: bool = False


# The backend answers that it does not serve this, or not to us; anything else may pass.
_CLOSED = frozenset({301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 410, 501})


def refusal(path: str, status: int) -> Silent:
    """Return what an answer with a status other than 200 means."""
    return Silent(f"{path} answered {status}", closed=status in _CLOSED)


@dataclass(frozen=True)
class Held:
    """How far back a process has samples."""

    started: str
    """When the process started, in its own words. Asked first: what follows is of it or a later one."""
    oldest_ms: int
    """Time of its oldest sample, `contracts.HOLDS_NOTHING` where there is none."""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """The answers to the requests of one probe."""

    ready: Silent | None = None
    """None when the backend is ready."""
    version: str | Silent
    external_labels: Mapping[str, str] | Silent
    features: frozenset[str] | Silent
    is_victoria_metrics: bool = False
    """Whether it says so of itself. Only asked of those whose source says it."""
    held: Held | Silent = Silent("not asked", closed=True)

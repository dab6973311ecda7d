"""Who asked for what, and what became of it: one event per request on the logger `tenantry.audit`.

An event never holds a query or a credential. Failures that repeat are counted instead of written,
so that nobody can fill the disk or hide in the crowd.
"""

import logging
import time
from collections.abc import Callable

from query_gateway import config
from query_gateway.bucket import Buckets
from query_gateway.visit import Visit
from tenantry_common import logs

_log = logging.getLogger("tenantry.audit")

_LONGEST_NAME = 256
_MAX_KEYS = 10_000
_EVERYBODY = ""


class Audit:
    """Write the events."""

    def __init__(
        self, settings: config.Audit, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._now = now
        self._buckets = Buckets()
        self._withheld: dict[str, int] = {}

    def record(self, visit: Visit, *, outcome: str, status: int, seconds: float) -> None:
        """Write what became of `visit`.

        `outcome` is `answered`, `broken off`, `gone` (the client went away), or why it was refused.
        """
        if outcome == "answered":
            if self._settings.successes:
                self._write(visit, outcome, status, seconds, repeated=0)
            return
        who = visit.principal.name if visit.principal else ""
        key = f"{outcome} {visit.peer} {who}"
        if self._allowed(key):
            self._write(visit, outcome, status, seconds, repeated=self._withheld.pop(key, 0))
        elif key in self._withheld or len(self._withheld) < _MAX_KEYS:
            self._withheld[key] = self._withheld.get(key, 0) + 1

    def _allowed(self, key: str) -> bool:
        now = self._now()
        each, together = self._settings.failures_per_second, self._settings.all_failures_per_second
        # The peer's own bucket first: one that fails all the time takes nothing from the others.
        return (
            self._buckets.take(key, each, max(1.0, 10 * each), now) == 0.0
            and self._buckets.take(_EVERYBODY, together, max(1.0, 2 * together), now) == 0.0
        )

    def _write(
        self, visit: Visit, outcome: str, status: int, seconds: float, *, repeated: int
    ) -> None:
        principal = visit.principal
        logs.event(
            _log,
            "request",
            {
                "request_id": visit.id,
                "principal": principal.name[:_LONGEST_NAME] if principal else "",
                "mode": principal.mode if principal else "",
                "peer": visit.peer,
                "tenant": visit.tenant[:_LONGEST_NAME],
                "endpoint": visit.endpoint,
                "outcome": outcome,
                "status": status,
                "seconds": round(seconds, 6),
                "query_digest": visit.digest,
                "repeated": repeated,
            },
        )

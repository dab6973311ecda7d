"""Who is served next, when all places are taken; pure, no waiting happens here.

A free place goes to the tenant that has the fewest requests under way, of several to the one that
has waited for its turn the longest; within a tenant, first come, first served. So one tenant's
load delays nobody else by more than the requests that were under way.
"""

from collections import deque
from dataclasses import dataclass, field


@dataclass
class _Line[T]:
    most: int
    under_way: int = 0
    served: int = 0
    """The turn in which the tenant got its last place."""
    waiting: deque[T] = field(default_factory=deque)


class FairQueue[T]:
    """Places for the requests of all tenants together; `T` stands for a request that waits."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._taken = 0
        self._turn = 0
        self._waiting = 0
        self._lines: dict[str, _Line[T]] = {}

    @property
    def waiting(self) -> int:
        """Requests of all tenants that wait."""
        return self._waiting

    @property
    def active_tenants(self) -> int:
        """Tenants with a request under way or waiting."""
        return len(self._lines)

    def waiting_of(self, tenant: str) -> int:
        """Return how many requests of `tenant` wait."""
        line = self._lines.get(tenant)
        return len(line.waiting) if line else 0

    def enter(self, tenant: str, most: int) -> bool:
        """Take a place for `tenant`, which may have `most` at once; return whether there was one.

        Nobody is overtaken: there is none while others of the tenant wait.
        """
        line = self._lines.get(tenant)
        if line is None:
            line = self._lines[tenant] = _Line(most)
        line.most = most
        if line.waiting or line.under_way >= most or self._taken >= self._places:
            self._forget(tenant, line)
            return False
        self._seat(line)
        return True

    def wait(self, tenant: str, most: int, request: T) -> None:
        """Put `request` at the end of the tenant's line."""
        self._lines.setdefault(tenant, _Line(most)).waiting.append(request)
        self._waiting += 1

    def give_up(self, tenant: str, request: T) -> None:
        """Take `request` out of the line; no effect if it is not in it any more."""
        line = self._lines.get(tenant)
        if line is None or request not in line.waiting:
            return
        line.waiting.remove(request)
        self._waiting -= 1
        self._forget(tenant, line)

    def leave(self, tenant: str) -> None:
        """Give a place of `tenant` back."""
        line = self._lines[tenant]
        line.under_way -= 1
        self._taken -= 1
        self._forget(tenant, line)

    def next(self) -> tuple[str, T] | None:
        """Give a free place to whose turn it is; return tenant and request, None for nobody."""
        if not self._waiting or self._taken >= self._places:
            return None
        ready = [
            (line.under_way, line.served, tenant)
            for tenant, line in self._lines.items()
            if line.waiting and line.under_way < line.most
        ]
        if not ready:
            return None
        _, _, tenant = min(ready)
        line = self._lines[tenant]
        self._seat(line)
        self._waiting -= 1
        return tenant, line.waiting.popleft()

    def _seat(self, line: _Line[T]) -> None:
        self._turn += 1
        self._taken += 1
        line.under_way += 1
        line.served = self._turn

    def _forget(self, tenant: str, line: _Line[T]) -> None:
        if line.under_way == 0 and not line.waiting:
            del self._lines[tenant]

"""The routes of tenants, remembered until a backend changes."""

from collections.abc import Sequence

from query_gateway.route import Route, routes
from tenantry_common.contracts import Backend

_MOST = 10_000


class Routes:
    """What `routes` says, for each tenant."""

    def __init__(self, shard_labels: Sequence[str] = ()) -> None:
        self._shard_labels = shard_labels
        self._known: Sequence[Backend] = ()
        self._routes: dict[str, tuple[Route, ...]] = {}

    def of(self, tenant: str, known: Sequence[Backend]) -> tuple[Route, ...]:
        """Return the routes of `tenant` by the backends of which one knows now. Raises `Failure`.

        `known` is another object as soon as anything in it is another.
        """
        if known is not self._known or len(self._routes) >= _MOST:
            self._known, self._routes = known, {}
        found = self._routes.get(tenant)
        if found is None:
            found = self._routes[tenant] = routes(tenant, known, self._shard_labels)
        return found

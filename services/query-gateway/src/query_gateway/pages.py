"""The pages of the ops port that are this service's own. Tenants never reach them.

What adobe/prometheus-multi-tenant-proxy answers at the same paths is there under the same names.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime

from query_gateway.backends import Backends
from query_gateway.policies import Policies
from tenantry_common import ops


def add(
    pages: ops.Pages, policies: Policies, backends: Backends, confirmed: Callable[[], float]
) -> None:
    """Add `/health`, `/debug/tenants` and `/debug/targets`.

    `confirmed` returns when what we know was last vouched for, in seconds since the epoch.
    """
    pages.add_json("/health", lambda: _health(policies, backends))
    pages.add_json("/debug/tenants", lambda: {"tenants": policies.describe()})
    pages.add_json("/debug/targets", lambda: _targets(backends, confirmed()))


def _targets(backends: Backends, confirmed: float) -> dict[str, object]:
    seen = ""
    if math.isfinite(confirmed):
        seen = datetime.fromtimestamp(confirmed, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"targets": [{**one, "last_seen": seen} for one in backends.describe()]}


def _health(policies: Policies, backends: Backends) -> dict[str, object]:
    reason = policies.unusable()
    return {
        "status": "unhealthy" if reason else "healthy",
        "reason": reason,
        "total_targets": len(backends.known()),
        "healthy_targets": backends.count_healthy(),
        "tenants": len(policies),
    }

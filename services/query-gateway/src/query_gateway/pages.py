"""The pages of the ops port that are this service's own. Tenants never reach them."""

from query_gateway.backends import Backends
from query_gateway.policies import Policies
from tenantry_common import ops


def add(pages: ops.Pages, policies: Policies, backends: Backends) -> None:
    """Add `/health`, `/debug/tenants` and `/debug/targets`."""
    pages.add_json("/health", lambda: _health(policies, backends))
    pages.add_json("/debug/tenants", lambda: {"tenants": policies.describe()})
    pages.add_json("/debug/targets", lambda: {"targets": backends.describe()})


def _health(policies: Policies, backends: Backends) -> dict[str, object]:
    reason = policies.unusable()
    return {
        "status": "unhealthy" if reason else "healthy",
        "reason": reason,
        "total_targets": len(backends.known()),
        "healthy_targets": backends.count_healthy(),
        "tenants": len(policies),
    }

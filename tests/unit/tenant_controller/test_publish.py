"""What is desired has one key each, escaped, and decodes to what it was."""

from tenant_controller import publish
from tenant_controller.compile import Desired
from tenantry_common import contracts
from tenantry_common.contracts import DeliveryJob, TenantPolicy
from tenantry_common.subjects import JobRef


def test_keys_and_values() -> None:
    policy = TenantPolicy(tenant="team-web", digest="d", rules=())
    job = DeliveryJob(
        tenant="team-web", name="a.b", digest="d", rules=(), interval_ms=1, lookback_ms=1
    )
    desired = Desired({"team-web": policy}, {JobRef("team-web", "a.b"): job}, (), ())

    assert publish.policies(desired) == {"team-web": contracts.encode(policy)}
    assert publish.jobs(desired) == {"team-web.a=2Eb": contracts.encode(job)}

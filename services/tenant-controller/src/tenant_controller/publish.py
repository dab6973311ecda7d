"""What is desired, as keys and values of the KV buckets; pure."""

from collections.abc import Mapping

from tenant_controller.compile import Desired
from tenantry_common import contracts, subjects


def policies(desired: Desired) -> Mapping[str, bytes]:
    """Return KV `policies`: one entry per tenant."""
    return {
        subjects.token(tenant): contracts.encode(policy)
        for tenant, policy in desired.policies.items()
    }


def jobs(desired: Desired) -> Mapping[str, bytes]:
    """Return KV `jobs`: one entry per delivery."""
    return {subjects.job_key(job): contracts.encode(value) for job, value in desired.jobs.items()}

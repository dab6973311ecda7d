"""Which groups nobody pushes to any more; that they are deleted is in the integration tests."""

from tenantry_common.contracts import DeliveryJob, Endpoint, PushGroup
from writer.push_cleanup import orphans


def endpoint(url: str, job: str) -> Endpoint:
    return Endpoint(id=f"{url}-{job}", kind="pushgateway", url=url, push_job=job)


def group(name: str, found: Endpoint) -> PushGroup:
    return PushGroup(tenant="t", job=name, endpoint=found)


def job(*endpoints: Endpoint) -> DeliveryJob:
    return DeliveryJob(
        tenant="t",
        name="j",
        digest="d",
        rules=(),
        interval_ms=1,
        lookback_ms=0,
        endpoints=endpoints,
    )


def test_a_group_without_a_job_is_an_orphan() -> None:
    here, moved = endpoint("http://push:9091", "a"), endpoint("http://old:9091", "a")
    noted = {"j": group("j", here), "old": group("j", moved)}

    assert orphans(noted, [job(here)]) == {"old": noted["old"]}


def test_a_group_that_another_job_took_over_stays() -> None:
    noted = {"gone": group("gone", endpoint("http://push:9091/", "a"))}

    assert orphans(noted, [job(endpoint("http://push:9091", "a"))]) == {}

"""Whom `tenantry backfill` asks for, and what its answer is."""

import pytest
from msgspec.structs import replace

from tenantry_cli.backfill import Seen, chosen, exit_status, reference
from tenantry_common import errors
from tenantry_common.contracts import Backfill, DeliveryJob, Endpoint
from tenantry_common.subjects import JobRef

JOB = DeliveryJob(
    tenant="t",
    name="j",
    digest="d",
    rules=(),
    interval_ms=1,
    lookback_ms=1,
    endpoints=(
        Endpoint(id="prometheus-0", kind="prometheus", url="http://a"),
        Endpoint(id="push", kind="pushgateway", url="http://b"),
        Endpoint(id="0", kind="remote_write", url="http://c"),
    ),
)
REQUEST = Backfill(tenant="t", job="j", shard="s", endpoint="0", start_ms=1, end_ms=2)


def test_a_job_is_named_with_its_namespace() -> None:
    assert reference("team.a/my-metrics") == JobRef("team.a", "my-metrics")


@pytest.mark.parametrize("text", ["", "team", "team/", "/name", "a/b/c"])
def test_anything_else_names_no_job(text: str) -> None:
    with pytest.raises(errors.TenantryError, match="is not NAMESPACE/NAME"):
        reference(text)


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        pytest.param(None, ["prometheus-0", "0"], id="all that can be made up for"),
        pytest.param("prometheus-0", ["prometheus-0"], id="by id"),
        pytest.param("2", ["0"], id="by number"),
        pytest.param("0", ["0"], id="an id goes before a number"),
    ],
)
def test_endpoints_are_chosen_by_id_or_number(name: str | None, ids: list[str]) -> None:
    assert [one.id for one in chosen(JOB, name)] == ids


@pytest.mark.parametrize(
    ("job", "name", "complaint"),
    [
        pytest.param(JOB, "7", r"no endpoint '7' \(known: 0: prometheus-0, 1: push", id="unknown"),
        pytest.param(JOB, "push", "latest values only", id="a Pushgateway"),
        pytest.param(replace(JOB, endpoints=JOB.endpoints[1:2]), None, "latest", id="only one"),
        pytest.param(replace(JOB, endpoints=()), None, "no endpoints", id="none at all"),
    ],
)
def test_what_cannot_be_made_up_for_is_said(
    job: DeliveryJob, name: str | None, complaint: str
) -> None:
    with pytest.raises(errors.TenantryError, match=complaint):
        chosen(job, name)


@pytest.mark.parametrize(
    ("seen", "status"),
    [
        pytest.param(Seen(request=replace(REQUEST, delivered_ms=1)), 0, id="delivered"),
        pytest.param(Seen(request=replace(REQUEST, delivered_ms=1, refused=1)), 1, id="refused"),
        pytest.param(Seen(request=REQUEST, gone=True), 1, id="gone"),
    ],
)
def test_the_exit_status_tells_whether_all_was_taken(seen: Seen, status: int) -> None:
    assert exit_status([seen]) == status

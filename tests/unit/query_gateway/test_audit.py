"""Every decision is written once, failures that repeat only now and then, secrets never."""

import logging

import pytest

from query_gateway import config
from query_gateway.audit import Audit
from query_gateway.identity.principal import Every, Principal
from query_gateway.visit import Visit

FIELDS = (
    "request_id", "principal", "mode", "peer", "tenant", "endpoint", "outcome", "status",
    "seconds", "query_digest", "repeated",
)  # fmt: skip


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _everything_is_written(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="tenantry.audit")


def written(caplog: pytest.LogCaptureFixture, *fields: str) -> list[tuple[object, ...]]:
    """Return these fields of every event."""
    return [tuple(getattr(event, field) for field in fields) for event in caplog.records]


def visit(peer: str = "10.0.0.1", **more: str) -> Visit:
    return Visit(id="r1", endpoint="query", peer=peer, **more)  # type: ignore[arg-type]  # texts only


def test_an_answered_request(caplog: pytest.LogCaptureFixture) -> None:
    seen = visit(tenant="shop", digest="d")
    seen.principal = Principal(mode="jwt", name="alice", tenants=Every())

    Audit(config.Audit()).record(seen, outcome="answered", status=200, seconds=0.12345678)

    (event,) = caplog.records
    assert (event.name, event.levelname, event.message) == ("tenantry.audit", "INFO", "request")
    assert {field: getattr(event, field) for field in FIELDS} == {
        "request_id": "r1",
        "principal": "alice",
        "mode": "jwt",
        "peer": "10.0.0.1",
        "tenant": "shop",
        "endpoint": "query",
        "outcome": "answered",
        "status": 200,
        "seconds": 0.123457,
        "query_digest": "d",
        "repeated": 0,
    }


def test_answered_requests_can_be_left_out(caplog: pytest.LogCaptureFixture) -> None:
    audit = Audit(config.Audit(successes=False))

    audit.record(visit(), outcome="answered", status=200, seconds=0)
    audit.record(visit(), outcome="forbidden", status=403, seconds=0)

    assert written(caplog, "outcome") == [("forbidden",)]


def test_failures_that_repeat_are_counted_in_the_next_event(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    audit = Audit(config.Audit(failures_per_second=0.1), now=clock)

    for _ in range(5):
        audit.record(visit(), outcome="unauthenticated", status=401, seconds=0)
    audit.record(visit("10.0.0.2"), outcome="unauthenticated", status=401, seconds=0)
    audit.record(visit(), outcome="forbidden", status=403, seconds=0)
    clock.now = 10
    audit.record(visit(), outcome="unauthenticated", status=401, seconds=0)

    assert written(caplog, "peer", "outcome", "repeated") == [
        ("10.0.0.1", "unauthenticated", 0),
        ("10.0.0.2", "unauthenticated", 0),
        ("10.0.0.1", "forbidden", 0),
        ("10.0.0.1", "unauthenticated", 4),
    ]


def test_all_failures_together_are_bounded_and_successes_are_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    audit = Audit(config.Audit(all_failures_per_second=5), now=Clock())

    for number in range(100):
        audit.record(visit(f"10.0.1.{number}"), outcome="unauthenticated", status=401, seconds=0)
        audit.record(visit(f"10.0.1.{number}"), outcome="answered", status=200, seconds=0)

    outcomes = written(caplog, "outcome")
    assert (outcomes.count(("unauthenticated",)), outcomes.count(("answered",))) == (10, 100)


def test_names_are_cut(caplog: pytest.LogCaptureFixture) -> None:
    seen = visit(tenant="t" * 1000)
    seen.principal = Principal(mode="jwt", name="n" * 1000, tenants=Every())

    Audit(config.Audit()).record(seen, outcome="answered", status=200, seconds=0)

    assert written(caplog, "tenant", "principal") == [("t" * 256, "n" * 256)]

"""`spec.push` becomes a job that receivers take pushes for, and faults are found at their paths."""

from typing import Any

import pytest
from tests.unit.tenant_controller.compiling import DELIVERED, compiled

from tenant_controller import conditions, progress
from tenantry_common.contracts import PushPolicy

PUSH = {"sources": ["*"]}


def test_a_push_is_a_job_without_endpoints() -> None:
    job = compiled("up", push=PUSH).job

    assert job is not None
    assert (job.push, job.endpoints) == (PushPolicy(sources=("*",)), ())


def test_what_is_pushed_can_be_delivered_too() -> None:
    job = compiled(
        "up",
        push={
            "sources": ["a", "b"],
            "idLabel": "cluster",
            "labels": {"fleet": "eu"},
            "required": ["job"],
            "timestamps": "overwrite",
            "maxAge": "1h",
            "interval": "0s",
            "strict": True,
            "federate": False,
        },
        remoteWrite={**DELIVERED, "interval": "10s"},
    ).job

    assert job is not None
    assert [one.id for one in job.endpoints] == ["p"]
    assert job.interval_ms == 10_000
    assert job.push == PushPolicy(
        sources=("a", "b"),
        id_label="cluster",
        labels={"fleet": "eu"},
        required=("job",),
        timestamps="overwrite",
        max_age_ms=3_600_000,
        interval_ms=0,
        strict=True,
        federate=False,
    )


def test_an_empty_allow_list_is_a_job_that_permits_nothing() -> None:
    job = compiled(push=PUSH).job

    assert job is not None
    assert job.rules == ()
    assert job.push is not None


def test_a_push_is_part_of_the_version_and_other_jobs_keep_theirs() -> None:
    collected = compiled("up", remoteWrite=DELIVERED).job
    pushed = compiled("up", remoteWrite=DELIVERED, push=PUSH).job

    assert collected is not None
    assert pushed is not None
    assert collected.push is None
    assert collected.digest != pushed.digest


def test_an_object_that_is_pushed_to_is_ready_without_a_collector() -> None:
    one = compiled("up", push=PUSH)
    assert one.job is not None

    found = conditions.of(one, True, progress.of(one.job, (), 0))

    assert {c.name: (c.status, c.reason) for c in found if c.name != "BoundaryApplied"} == {
        "Ready": ("True", "Ready"),
        "Valid": ("True", "Valid"),
        "Collecting": ("False", "NotRequested"),
        "Delivering": ("False", "NotRequested"),
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, [], id="fine"),
        pytest.param({"sources": []}, [("sources", "error")], id="nobody may push"),
        pytest.param({"sources": [""]}, [("sources[0]", "error")], id="empty id"),
        pytest.param({"sources": ["é" * 128]}, [("sources[0]", "error")], id="long id"),
        pytest.param({"idLabel": "__name__"}, [("idLabel", "error")], id="id in the name"),
        pytest.param({"idLabel": "a-b"}, [("idLabel", "error")], id="id in no label"),
        pytest.param({"required": ["a", "-"]}, [("required[1]", "error")], id="no label name"),
        pytest.param({"labels": {"a-b": "x"}}, [("labels.a-b", "error")], id="no label"),
        pytest.param({"labels": {"_id": "x"}}, [("labels._id", "error")], id="the id is given"),
        pytest.param({"labels": {"a": "x" * 256}}, [("labels.a", "error")], id="long label"),
        pytest.param(
            {"labels": {f"l{n}": "x" * 200 for n in range(50)}},
            [("labels", "error")],
            id="more than clients read",
        ),
        pytest.param({"maxAge": "1s"}, [("maxAge", "error")], id="too young"),
        pytest.param({"maxAge": "day"}, [("maxAge", "error")], id="no duration"),
        pytest.param({"interval": "10m"}, [("interval", "error")], id="longer than it is known"),
        pytest.param({"federate": False}, [("federate", "warning")], id="goes nowhere"),
    ],
)
def test_faults_are_found_at_their_paths(
    fields: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    found = compiled("up", push={**PUSH, **fields}).entry.validated.problems

    assert [(p.path.removeprefix("$.spec.push."), p.severity) for p in found] == expected

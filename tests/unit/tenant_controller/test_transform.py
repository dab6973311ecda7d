"""`spec.transform` becomes steps of the job, and faults are found at their paths."""

from typing import Any

import msgspec
import pytest
from tests.unit.tenant_controller.compiling import DELIVERED, compiled

from tenant_controller import transform
from tenant_controller.metric_access import Transform
from tenantry_common.contracts import LabelSteps, SecretRef

SALT = {"name": "edge", "key": "salt"}


def written(**fields: Any) -> Transform:
    return msgspec.convert(fields, Transform)


def test_steps_reach_the_job_and_are_part_of_its_version() -> None:
    plain = compiled("up", remoteWrite=DELIVERED).job
    changed = compiled(
        "up",
        remoteWrite=DELIVERED,
        transform={"elide": ["pod"], "rename": {"up": "alive"}, "anonymise": ["a"], "salt": SALT},
    ).job

    assert plain is not None
    assert changed is not None
    assert plain.steps == LabelSteps()
    assert changed.steps == LabelSteps(
        elide=("pod",),
        rename={"up": "alive"},
        anonymise=("a",),
        salt=SecretRef(name="edge", key="salt"),
    )
    assert plain.digest != changed.digest


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"elide": ["a"], "anonymise": ["b"], "salt": SALT}, [], id="fine"),
        pytest.param({"elide": ["a-b"]}, [("elide[0]", "error")], id="no label name"),
        pytest.param({"elide": [""]}, [("elide[0]", "error")], id="empty label name"),
        pytest.param({"elide": ["__name__"]}, [("elide[0]", "error")], id="the name elided"),
        pytest.param({"rename": {"a": ""}}, [("rename.a", "error")], id="renamed to nothing"),
        pytest.param({"anonymise": ["a"]}, [("salt", "error")], id="no salt"),
        pytest.param({"salt": SALT}, [("salt", "warning")], id="needless salt"),
        pytest.param(
            {"elide": ["a"], "anonymise": ["a"], "salt": SALT},
            [("anonymise[0]", "warning")],
            id="elided before",
        ),
    ],
)
def test_faults_are_found_at_their_paths(
    fields: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    found = [
        (problem.path.removeprefix("$.spec.transform."), problem.severity)
        for problem in transform.problems(written(**fields))
    ]

    assert found == expected


def test_a_fault_keeps_the_object_from_being_delivered() -> None:
    assert compiled("up", remoteWrite=DELIVERED, transform={"anonymise": ["a"]}).job is None

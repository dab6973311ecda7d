"""Each check alone: which labels it rejects, and why."""

import pytest

from receiver import checks
from receiver.refusal import Reason
from tenantry_common.contracts import PushPolicy


@pytest.mark.parametrize(
    ("check", "labels", "expected"),
    [
        pytest.param(checks.named, {"__name__": "up"}, None, id="named"),
        pytest.param(checks.named, {"a": "b"}, Reason.NO_NAME, id="no name"),
        pytest.param(checks.named, {"__name__": ""}, Reason.NO_NAME, id="an empty name"),
        pytest.param(checks.short, {"a" * 255: "b" * 255}, None, id="255 bytes"),
        pytest.param(checks.short, {"a" * 256: "b"}, Reason.TOO_LONG, id="a longer name"),
        pytest.param(checks.short, {"a": "b" * 256}, Reason.TOO_LONG, id="a longer value"),
        pytest.param(checks.short, {"a": "é" * 128}, Reason.TOO_LONG, id="bytes, not letters"),
        pytest.param(checks.few, {str(n): "b" for n in range(128)}, None, id="128 labels"),
        pytest.param(
            checks.few, {str(n): "b" for n in range(129)}, Reason.TOO_MANY_LABELS, id="129 labels"
        ),
        pytest.param(checks.required(["a"]), {"a": "b"}, None, id="there"),
        pytest.param(checks.required(["a"]), {"a": ""}, Reason.MISSING_LABEL, id="there and empty"),
        pytest.param(checks.required(["a"]), {}, Reason.MISSING_LABEL, id="missing"),
    ],
)
def test_a_check(check: checks.Check, labels: dict[str, str], expected: Reason | None) -> None:
    assert check(labels) == expected


def test_the_first_check_that_fails_gives_the_reason() -> None:
    check = checks.of(PushPolicy(sources=("*",), required=("job",)))

    assert check({"__name__": "up", "job": "x"}) is None
    assert check({"long": "x" * 256}) is Reason.NO_NAME
    assert check({"__name__": "up"}) is Reason.MISSING_LABEL

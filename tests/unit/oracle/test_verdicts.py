import pytest
from tests.oracle.promql import verdicts
from tests.oracle.promql.answers import Answer, Element
from tests.oracle.promql.verdicts import Verdict


def vector(**values: str) -> Answer:
    return Answer(
        type="vector",
        elements=tuple(Element({"job": job}, (1.0, value)) for job, value in values.items()),
    )


PANIC = Answer(error_type="execution", error="unexpected error: index out of range")
ERROR = Answer(error_type="execution")


@pytest.mark.parametrize(
    ("query", "got", "expected", "verdict"),
    [
        pytest.param("up", vector(a="1"), vector(a="1"), Verdict.EXACT, id="equal"),
        pytest.param("up", vector(b="1", a="1"), vector(a="1", b="1"), Verdict.EXACT, id="reordered"),
        pytest.param("up", ERROR, ERROR, Verdict.ERROR, id="both err"),
        pytest.param("up", ERROR, vector(), Verdict.WRONG, id="only one errs"),
        pytest.param("up", PANIC, vector(), Verdict.PANIC, id="a panic is no answer"),
        pytest.param("up", vector(a="1"), vector(), Verdict.WRONG, id="a series too many"),
        pytest.param(
            "sum(x)", vector(a="0.1"), vector(a="0.10000000000000002"), Verdict.ROUNDING, id="sum"
        ),
        pytest.param(
            "rate(x[5m])", vector(a="0.1"), vector(a="0.10000000000000002"), Verdict.WRONG,
            id="no sum, no rounding",
        ),
        pytest.param("sum(x)", vector(a="1"), vector(a="1.001"), Verdict.WRONG, id="a large error"),
        pytest.param(
            "sort(x)", vector(b="2", a="1"), vector(a="1", b="2"), Verdict.WRONG, id="wrongly sorted"
        ),
        pytest.param(
            "sort(x)", vector(b="1", a="1"), vector(a="1", b="1"), Verdict.EXACT, id="equal values"
        ),
        pytest.param(
            'sort_by_label(x, "job")', vector(b="1", a="1"), vector(a="1", b="1"), Verdict.WRONG,
            id="sorted by label",
        ),
        pytest.param(
            'sort_by_label(x, "zone")', vector(b="1", a="1"), vector(a="1", b="1"), Verdict.EXACT,
            id="sorted by a label that is missing",
        ),
        pytest.param("min(x)", vector(a="0"), vector(a="-0"), Verdict.ROUNDING, id="zeros"),
        pytest.param("x", vector(a="0"), vector(a="-0"), Verdict.WRONG, id="zeros of one series"),
        pytest.param(
            "sort(x) or y", vector(b="2", a="1"), vector(a="1", b="2"), Verdict.EXACT,
            id="not sorted in the end",
        ),
        pytest.param(
            "topk by (z) (2, x)", vector(b="2", a="1"), vector(a="1", b="2"), Verdict.EXACT,
            id="groups in any order",
        ),
    ],
)  # fmt: skip
def test_verdict(query: str, got: Answer, expected: Answer, verdict: Verdict) -> None:
    assert verdicts.of(query, got, expected) == verdict

import pytest
from tests.oracle.promql.answers import Answer, Element
from tests.oracle.promql.choice import Choice, choice, is_right


def vector(**values: str) -> Answer:
    return Answer(
        type="vector",
        elements=tuple(Element({"job": job}, (1.0, value)) for job, value in values.items()),
    )


CANDIDATES = vector(a="2", b="1", c="1", d="0")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("topk(2, up)", Choice("topk", "up"), id="topk"),
        pytest.param(
            "(LIMITK by (x) (2, up + 1))", Choice("limitk", "up + 1"), id="in parentheses, grouped"
        ),
        pytest.param("sum(topk(2, up))", None, id="not outermost"),
        pytest.param("up", None, id="no choice"),
        pytest.param("topk(", None, id="no query"),
    ],
)
def test_what_is_chosen_from(query: str, found: Choice | None) -> None:
    assert choice(query) == found


@pytest.mark.parametrize(
    ("operation", "got", "right"),
    [
        pytest.param("topk", vector(a="2", b="1"), True, id="the same"),
        pytest.param("topk", vector(a="2", c="1"), True, id="another of equal value"),
        pytest.param("topk", vector(a="2", d="0"), False, id="another value"),
        pytest.param("topk", vector(a="2", d="1"), False, id="another's value"),
        pytest.param("topk", vector(a="2", x="1"), False, id="no candidate"),
        pytest.param("topk", vector(a="2"), False, id="too few"),
        pytest.param("limitk", vector(c="1", d="0"), True, id="any two"),
        pytest.param("limitk", vector(c="1", x="0"), False, id="any two, one no candidate"),
    ],
)
def test_choice_is_right(operation: str, got: Answer, right: bool) -> None:
    expected = vector(a="2", b="1")

    assert is_right(Choice(operation, "x"), got, expected, CANDIDATES) is right

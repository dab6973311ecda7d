import pytest
from tests.oracle.promql.answers import Answer, Element
from tests.oracle.promql.doubts import is_between, is_rounded


def vector(**values: str) -> Answer:
    return Answer(
        type="vector",
        elements=tuple(Element({"job": job}, (1.0, value)) for job, value in values.items()),
    )


@pytest.mark.parametrize(
    ("got", "found", "rounded"),
    [
        pytest.param("1.0000001", ["1"], False, id="the permitted server is always of one mind"),
        pytest.param("1.0000001", ["1", "1.00000001"], True, id="it differs from itself as much"),
        pytest.param("1.01", ["1", "1.01"], False, id="too much for rounding"),
    ],
)
def test_rounding_is_measured_at_the_permitted_server(
    got: str, found: list[str], rounded: bool
) -> None:
    seen = [vector(a=value) for value in found]

    assert is_rounded(vector(a=got), vector(a="1"), seen) is rounded


@pytest.mark.parametrize(
    ("got", "between"),
    [
        pytest.param(vector(a="1"), True, id="what is always there"),
        pytest.param(vector(a="1", b="2"), True, id="and what is sometimes"),
        pytest.param(vector(b="2"), False, id="not what is always there"),
        pytest.param(vector(a="1", c="3"), False, id="what is never there"),
        pytest.param(vector(a="1", b="2.1"), False, id="another number"),
    ],
)
def test_a_server_of_two_minds_sets_the_bounds(got: Answer, between: bool) -> None:
    same, more = vector(a="1"), vector(a="1", b="2")

    assert is_between(got, [same, more], [same, same]) is between
    assert is_between(got, [more, more], [same, more]) is between


def test_a_server_of_one_mind_leaves_no_room() -> None:
    same, more = vector(a="1"), vector(a="1", b="2")

    assert not is_between(same, [same, same], [same, same])
    assert not is_between(same, [more, more], [same, same])

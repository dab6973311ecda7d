"""Binary operations between what was put together."""

import math

import pytest

from query_gateway.shards import matching
from query_gateway.shards.frames import (
    Column,
    EvaluationError,
    Labels,
    Scalar,
    Vector,
    as_scalar,
    as_vector,
    labels_of,
)
from tenantry_promql.operations import Matching

PLAIN = Matching("one-to-one")
SETS = Matching("many-to-many")


def of(**labels: str) -> Labels:
    return labels_of((name.replace("name_", "__name__"), value) for name, value in labels.items())


def vector(*elements: tuple[Labels, float | None]) -> Vector:
    return Vector(1, {labels: [value] for labels, value in elements})


def combined(
    op: str, left: Vector, right: Vector, how: Matching = PLAIN, *, returns_bool: bool = False
) -> dict[Labels, Column]:
    found = as_vector(matching.combine(op, left, right, how, returns_bool=returns_bool)).columns
    return {labels: column for labels, column in found.items() if column != [None]}


LEFT = vector((of(name_="x", job="a"), 6.0), (of(name_="x", job="b"), 1.0))
RIGHT = vector((of(name_="y", job="a"), 2.0), (of(name_="y", job="c"), 0.0))


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        ("+", {of(job="a"): [8.0]}),
        ("/", {of(job="a"): [3.0]}),
        ("%", {of(job="a"): [0.0]}),
        (">", {of(name_="x", job="a"): [6.0]}),
        ("<", {}),
        ("and", {of(name_="x", job="a"): [6.0]}),
        ("unless", {of(name_="x", job="b"): [1.0]}),
        (
            "or",
            {
                of(name_="x", job="a"): [6.0],
                of(name_="x", job="b"): [1.0],
                of(name_="y", job="c"): [0.0],
            },
        ),
    ],
)
def test_elements_find_one_another_by_their_labels(op: str, expected: dict[Labels, Column]) -> None:
    how = SETS if op in ("and", "or", "unless") else PLAIN

    assert combined(op, LEFT, RIGHT, how) == expected


def test_a_comparison_may_return_zero_and_one_without_names() -> None:
    assert combined("<", LEFT, RIGHT, returns_bool=True) == {of(job="a"): [0.0]}


def test_chosen_labels_are_kept_and_others_dropped() -> None:
    right = vector((of(job="a", zone="z"), 2.0))

    assert combined("*", LEFT, right, Matching("one-to-one", ("job",), on=True)) == {
        of(job="a"): [12.0]
    }
    assert combined("*", LEFT, right, Matching("one-to-one", ("zone",))) == {of(job="a"): [12.0]}


def test_many_elements_match_one_and_take_labels_from_it() -> None:
    many = vector((of(job="a", cpu="0"), 1.0), (of(job="a", cpu="1"), 2.0))
    one = vector((of(job="a", zone="z"), 10.0))
    how = Matching("many-to-one", ("job",), on=True, include=("zone",))

    assert combined("*", many, one, how) == {
        of(job="a", cpu="0", zone="z"): [10.0],
        of(job="a", cpu="1", zone="z"): [20.0],
    }
    other = Matching("one-to-many", ("job",), on=True)
    assert combined("-", one, many, other) == {
        of(job="a", cpu="0"): [9.0],
        of(job="a", cpu="1"): [8.0],
    }


@pytest.mark.parametrize(
    ("left", "right", "how", "message"),
    [
        pytest.param(
            vector((of(job="a"), 1.0)),
            vector((of(job="a", cpu="0"), 1.0), (of(job="a", cpu="1"), 1.0)),
            Matching("one-to-one", ("job",), on=True),
            "duplicate series",
            id="two on the side of one",
        ),
        pytest.param(
            vector((of(job="a", cpu="0"), 1.0), (of(job="a", cpu="1"), 1.0)),
            vector((of(job="a"), 1.0)),
            Matching("one-to-one", ("job",), on=True),
            "must be explicit",
            id="many without being told so",
        ),
        pytest.param(
            vector((of(name_="x", job="a"), 1.0), (of(name_="y", job="a"), 1.0)),
            vector((of(job="a"), 1.0)),
            Matching("many-to-one", ("job",), on=True),
            "unique matches",
            id="results with equal labels",
        ),
    ],
)
def test_ambiguous_matches_are_errors(
    left: Vector, right: Vector, how: Matching, message: str
) -> None:
    with pytest.raises(EvaluationError, match=message):
        combined("+", left, right, how)


def test_what_is_absent_is_not_ambiguous() -> None:
    twice = vector((of(job="a", cpu="0"), 1.0), (of(job="a", cpu="1"), None))

    assert combined("+", LEFT, twice, Matching("one-to-one", ("job",), on=True)) == {
        of(job="a"): [7.0]
    }
    # Nothing on one side: Prometheus does not even look at the other.
    assert combined("+", vector(), vector((of(a="1"), 1.0), (of(a="1", b="1"), 1.0))) == {}


def test_numbers_keep_their_side() -> None:
    five = Scalar([5.0])

    def with_five(op: str, *, left: bool, returns_bool: bool = False) -> dict[Labels, Column]:
        one, other = (five, LEFT) if left else (LEFT, five)
        return as_vector(matching.combine(op, one, other, None, returns_bool=returns_bool)).columns

    assert with_five("-", left=True) == {of(job="a"): [-1.0], of(job="b"): [4.0]}
    assert with_five(">", left=False) == {
        of(name_="x", job="a"): [6.0],
        of(name_="x", job="b"): [None],
    }
    assert with_five(">", left=True) == {
        of(name_="x", job="a"): [None],
        of(name_="x", job="b"): [1.0],
    }
    assert with_five(">", left=True, returns_bool=True) == {of(job="a"): [0.0], of(job="b"): [1.0]}


def test_two_numbers_make_a_number() -> None:
    two, zero = Scalar([2.0]), Scalar([0.0])

    assert as_scalar(matching.combine("/", two, zero, None, returns_bool=False)).values == [
        math.inf
    ]
    assert as_scalar(matching.combine(">", two, zero, None, returns_bool=True)).values == [1.0]

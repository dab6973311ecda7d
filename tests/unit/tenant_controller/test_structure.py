"""Every difference from the type is reported at once, with its path."""

from typing import Any, Literal

import msgspec
import pytest

from tenant_controller import structure
from tenantry_common.contracts import Problem


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    some_kind: Literal["a", "b"]
    count: int = 0


class Loose(msgspec.Struct, frozen=True):
    name: str


class Whole(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: str
    items: tuple[str, ...]
    inner: Inner | None = None
    inners: tuple[Inner, ...] = ()
    labels: dict[str, str] = {}
    flag: bool = False
    loose: Loose | None = None
    anything: Any = None


def told(value: object) -> list[tuple[str, str]]:
    return [(problem.path, problem.message) for problem in structure.check(value, Whole)[1]]


def test_what_fits_is_returned() -> None:
    value = {
        "text": "x",
        "items": ["a"],
        "inner": {"someKind": "a", "count": 3},
        "labels": {"k": "v"},
        "loose": {"name": "n", "more": [1]},
        "anything": [{"x": 1.5}],
    }

    assert structure.check(value, Whole) == (
        Whole(
            text="x",
            items=("a",),
            inner=Inner("a", 3),
            labels={"k": "v"},
            loose=Loose("n"),
            anything=[{"x": 1.5}],
        ),
        (),
    )


def test_null_is_as_good_as_absent_where_that_is_allowed() -> None:
    whole, problems = structure.check(
        {"text": "x", "items": [], "flag": None, "inner": None}, Whole
    )

    assert (whole, problems) == (Whole(text="x", items=()), ())


def test_all_problems_are_told_at_once() -> None:
    value = {
        "text": 5,
        "items": ["a", 1, None],
        "itmes": [],
        "other": 1,
        "inner": {"someKind": "c", "count": True},
        "inners": [{"someKind": "a"}, {"somekind": "b"}, 7],
        "labels": {"k": 1, "l": "v"},
        "flag": "yes",
        "loose": [],
    }

    assert told(value) == [
        ("$.itmes", "unknown field; did you mean 'items'?"),
        ("$.other", "unknown field"),
        ("$.text", "expected a string, not the number 5"),
        ("$.items[1]", "expected a string, not the number 1"),
        ("$.items[2]", "expected a string, not null"),
        ("$.inner.someKind", "expected 'a' or 'b', not 'c'"),
        ("$.inner.count", "expected an integer, not true"),
        ("$.inners[1].somekind", "unknown field; did you mean 'someKind'?"),
        ("$.inners[1].someKind", "is required"),
        ("$.inners[2]", "expected a mapping, not the number 7"),
        ("$.labels.k", "expected a string, not the number 1"),
        ("$.flag", "expected true or false, not 'yes'"),
        ("$.loose", "expected a mapping, not a list"),
    ]


def test_what_can_be_kept_is_kept_for_further_checks() -> None:
    value = {"text": 5, "items": ["a", 1], "inner": {"someKind": "c"}, "labels": {"k": 1, "l": "v"}}

    assert structure.check(value, Whole)[0] == Whole(
        text="", items=(), inner=Inner("a"), labels={"l": "v"}
    )


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="null"),
        pytest.param("x", id="text"),
        pytest.param([], id="list"),
    ],
)
def test_what_is_no_mapping_is_nothing(value: object) -> None:
    whole, problems = structure.check(value, Whole)

    assert (whole, [problem.path for problem in problems]) == (None, ["$"])


@pytest.mark.parametrize(
    ("structural", "other", "expected"),
    [
        pytest.param("$.spec.metrics", "$.spec.metrics", True, id="the same"),
        pytest.param("$.spec.metrics[2]", "$.spec.metrics", True, id="around it"),
        pytest.param("$.spec.target.type", "$.spec.target", True, id="a field around it"),
        pytest.param("$.spec.metricsX", "$.spec.metrics", False, id="another field"),
        pytest.param("$.spec.metrics", "$.spec.metrics[2]", False, id="inside of it"),
    ],
)
def test_what_may_follow_from_a_replaced_value_is_hidden(
    structural: str, other: str, expected: bool
) -> None:
    problems = [Problem(path=structural, message="")]

    assert structure.hides(problems, Problem(path=other, message="")) is expected

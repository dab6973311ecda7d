"""Functions of what was put together."""

import math

import pytest

from query_gateway.shards import functions, table
from query_gateway.shards.frames import (
    Column,
    EvaluationError,
    Labels,
    Scalar,
    Uncomputable,
    Vector,
    as_scalar,
    as_vector,
)

NAMED: Labels = (("__name__", "x"), ("job", "a"))
JOB: Labels = (("job", "a"),)
VECTOR = Vector(2, {NAMED: [-1.5, None]})


def columns(name: str, *more: Scalar, texts: tuple[str, ...] = ()) -> dict[Labels, Column]:
    return as_vector(functions.apply(name, (VECTOR, *more), texts, 2)).columns


@pytest.mark.parametrize(
    ("name", "bounds", "expected"),
    [
        ("abs", (), 1.5),
        ("ceil", (), -1.0),
        ("floor", (), -2.0),
        ("sgn", (), -1.0),
        ("deg", (), -1.5 * 180 / math.pi),
        ("rad", (), -1.5 * math.pi / 180),
        ("round", (), -1.0),
        ("round", (1.0,), -1.0),
        ("round", (0.4,), -1.6),
        ("clamp", (-1.0, 1.0), -1.0),
        ("clamp", (1.0, -1.0), None),
        ("clamp_min", (0.0,), 0.0),
        ("clamp_max", (-3.0,), -3.0),
    ],
)
def test_values_are_mapped_and_names_dropped(
    name: str, bounds: tuple[float, ...], expected: float | None
) -> None:
    found = columns(name, *(Scalar([bound, bound]) for bound in bounds))

    assert found == {JOB: [expected if expected is None else pytest.approx(expected), None]}


def test_a_scalar_is_the_only_element() -> None:
    two = Vector(1, {NAMED: [1.0], JOB: [2.0]})

    found = as_scalar(functions.apply("scalar", (VECTOR,), (), 2)).values
    assert found[0] == -1.5
    assert math.isnan(found[1])
    assert math.isnan(as_scalar(functions.apply("scalar", (two,), (), 1)).values[0])
    assert as_vector(functions.apply("vector", (Scalar([1.0, 2.0]),), (), 2)).columns == {
        (): [1.0, 2.0]
    }


def test_absence_is_said_step_by_step() -> None:
    assert columns("absent") == {(): [None, 1.0]}


def test_an_instant_is_sorted_by_value_with_what_is_no_number_last() -> None:
    vector = Vector(1, {(("i", str(n)),): [v] for n, v in enumerate((math.nan, 1.0, 3.0, 2.0))})

    def order(name: str) -> list[str]:
        found = as_vector(functions.apply(name, (vector,), (), 1)).columns
        return [labels[0][1] for labels in found]

    assert order("sort") == ["1", "3", "2", "0"]
    assert order("sort_desc") == ["2", "3", "1", "0"]


def test_labels_are_replaced_and_joined() -> None:
    assert columns("label_replace", texts=("to", "$1!", "job", "(.)")) == {
        (("__name__", "x"), ("job", "a"), ("to", "a!")): [-1.5, None]
    }
    assert columns("label_replace", texts=("to", "$1", "job", "b")) == {NAMED: [-1.5, None]}
    assert columns("label_replace", texts=("job", "", "job", ".*")) == {
        (("__name__", "x"),): [-1.5, None]
    }
    assert columns("label_join", texts=("to", "-", "job", "none", "job")) == {
        (("__name__", "x"), ("job", "a"), ("to", "a--a")): [-1.5, None]
    }


def test_an_expression_that_makes_no_sense_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="invalid"):
        columns("label_replace", texts=("to", "$1", "job", "("))


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("label_replace", ("not a name", "$1", "job", ".*")),
        ("label_join", ("to", "-", "not a name")),
        ("label_join", ("", "-", "job")),
    ],
)
def test_names_that_only_some_versions_know_are_refused(name: str, texts: tuple[str, ...]) -> None:
    with pytest.raises(Uncomputable):
        columns(name, texts=texts)


def test_every_function_of_the_table_is_there() -> None:
    texts = {"label_replace": ("a", "b", "c", "d"), "label_join": ("a", "b", "c")}
    bounds = {"clamp": 2, "clamp_min": 1, "clamp_max": 1, "round": 0}
    ones = Scalar([1.0, 1.0])
    for name in table.LOCAL:
        if name == "histogram_quantile":
            functions.apply(name, (ones, VECTOR), (), 2)
        elif name == "vector":
            functions.apply(name, (ones,), (), 2)
        else:
            functions.apply(name, (VECTOR, *[ones] * bounds.get(name, 0)), texts.get(name, ()), 2)


def test_elements_that_get_equal_labels_are_never_merged() -> None:
    vector = Vector(2, {NAMED: [1.0, None], JOB: [None, 1.0]})

    with pytest.raises(Uncomputable):
        functions.apply("label_replace", (vector,), ("__name__", "", "job", ".*"), 2)

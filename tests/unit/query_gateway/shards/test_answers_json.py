"""Answers, read and written."""

import math

import msgspec
import pytest

from query_gateway.answers import NotAnAnswer
from query_gateway.shards import answers_json
from query_gateway.shards.answers_json import Grid
from query_gateway.shards.frames import Uncomputable, Vector, as_scalar, as_vector

INSTANT = Grid(1_500, 0, 1, is_range=False)
RANGE = Grid(1_000, 500, 3, is_range=True)
A = (("job", "a"),)


def body(kind: str, result: object, **more: object) -> bytes:
    data = {"resultType": kind, "result": result}
    return msgspec.json.encode({"status": "success", "data": data, **more})


def test_a_vector_is_read_and_written() -> None:
    text = body("vector", [{"metric": {"job": "a"}, "value": [1.5, "3"]}], warnings=["w"])

    read = answers_json.read(text, INSTANT, scalar=False)

    assert as_vector(read.frame).columns == {A: [3.0]}
    assert (
        answers_json.written(read.frame, INSTANT, limit=0, warnings=read.warnings, infos=[]) == text
    )


def test_a_range_has_its_values_at_its_steps() -> None:
    element = {"metric": {"job": "a"}, "values": [[1, "NaN"], [2, "+Inf"]]}
    text = body("matrix", [element])

    read = answers_json.read(text, RANGE, scalar=False)

    first, second, third = as_vector(read.frame).columns[A]
    assert first is not None
    assert math.isnan(first)
    assert (second, third) == (None, math.inf)
    assert answers_json.written(read.frame, RANGE, limit=0, warnings=[], infos=[]) == text


def test_a_scalar_is_one_number_or_one_per_step() -> None:
    instant = answers_json.read(body("scalar", [1.5, "3"]), INSTANT, scalar=True)
    values = [[1, "1"], [1.5, "2"], [2, "3"]]
    ranged = body("matrix", [{"metric": {}, "values": values}])

    assert as_scalar(instant.frame).values == [3.0]
    frame = answers_json.read(ranged, RANGE, scalar=True).frame
    assert as_scalar(frame).values == [1.0, 2.0, 3.0]
    assert answers_json.written(frame, RANGE, limit=0, warnings=[], infos=[]) == ranged


def test_ranges_are_sorted_and_cut_and_that_is_said() -> None:
    vector = Vector(3, {(("a", "2"),): [1.0] * 3, (("a", "1"),): [1.0] * 3, A: [None] * 3})

    answer = msgspec.json.decode(
        answers_json.written(vector, RANGE, limit=1, warnings=[], infos=["i"])
    )

    assert [one["metric"] for one in answer["data"]["result"]] == [{"a": "1"}]
    assert answer["warnings"] == ["results truncated due to limit"]
    assert answer["infos"] == ["i"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"<html>", id="not JSON"),
        pytest.param(b'{"status":"error","data":{"resultType":"vector","result":[]}}', id="error"),
        pytest.param(body("matrix", []), id="another type"),
        pytest.param(body("vector", [{"value": [1, "x"]}]), id="no number"),
        pytest.param(body("vector", [{"value": [7, "1"]}]), id="another time"),
    ],
)
def test_what_is_no_answer_is_said_to_be_none(text: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        answers_json.read(text, INSTANT, scalar=False)


def test_native_histograms_cannot_be_computed_with() -> None:
    with pytest.raises(Uncomputable, match="native histograms"):
        answers_json.read(
            body("vector", [{"metric": {}, "histogram": [1.5, {"count": "1"}]}]),
            INSTANT,
            scalar=False,
        )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (-0.0, "-0"),
        (0.1, "0.1"),
        (1e21, "1e+21"),
        (123456789012345680000.0, "123456789012345680000"),
        (1e-7, "1e-07"),
        (1.5e-10, "1.5e-10"),
        (1e-6, "0.000001"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (5e-324, "5e-324"),
        (-1e100, "-1e+100"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_numbers_are_written_as_prometheus_writes_them(value: float, text: str) -> None:
    assert answers_json.number(value) == text

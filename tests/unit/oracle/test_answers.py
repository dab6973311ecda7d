import math

import pytest
from tests.oracle.promql import answers
from tests.oracle.promql.answers import Answer, Element


def body(result_type: str, result: str) -> bytes:
    return (
        f'{{"status":"success","data":{{"resultType":"{result_type}","result":{result}}}}}'.encode()
    )


def vector(**values: str) -> Answer:
    return Answer(
        type="vector",
        elements=tuple(Element({"job": job}, (1.0, value)) for job, value in values.items()),
    )


def test_a_vector_is_read_with_its_histograms() -> None:
    read = answers.read(
        body(
            "vector",
            '[{"metric":{"job":"a"},"value":[1.5,"2"]},'
            '{"metric":{},"histogram":[1.5,{"count":"3"}]}]',
        )
    )

    assert read == Answer(
        type="vector",
        elements=(
            Element({"job": "a"}, value=(1.5, "2")),
            Element({}, histogram=(1.5, {"count": "3"})),
        ),
    )


def test_a_scalar_is_read() -> None:
    assert answers.read(body("scalar", '[1,"NaN"]')) == Answer(type="scalar", point=(1.0, "NaN"))


def test_an_error_is_an_answer() -> None:
    read = answers.read(b'{"status":"error","errorType":"bad_data","error":"no"}')

    assert read == Answer(error_type="bad_data", error="no")


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>", id="no JSON"),
        pytest.param(b'{"status":"success"}', id="no data"),
        pytest.param(b'{"status":"error","errorType":"timeout"}', id="an overloaded server"),
        pytest.param(b'{"status":"error","errorType":"forbidden"}', id="no such tenant"),
    ],
)
def test_what_is_no_answer_to_a_query_is_not_taken_for_one(broken: bytes) -> None:
    with pytest.raises(answers.Unreadable):
        answers.read(broken)


def test_the_order_of_series_does_not_matter() -> None:
    assert answers.equal(vector(a="1", b="2"), vector(b="2", a="1"))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(vector(a="1"), id="a series less"),
        pytest.param(vector(a="1", b="2.0000000000000004"), id="a digit"),
        pytest.param(vector(a="1", b="2", c="3"), id="a series more"),
        pytest.param(Answer(type="matrix", elements=vector(a="1", b="2").elements), id="a type"),
        pytest.param(Answer(error_type="execution"), id="an error"),
    ],
)
def test_everything_else_does(other: Answer) -> None:
    assert not answers.equal(vector(a="1", b="2"), other)


def test_two_errors_are_equal_by_type_only() -> None:
    error = Answer(error_type="execution", error="x")

    assert answers.same_error(error, Answer(error_type="execution", error="y"))
    assert not answers.same_error(error, Answer(error_type="bad_data", error="x"))
    assert not answers.same_error(Answer(), Answer())
    failed = Answer(error_type=answers.FAILED)
    assert not answers.same_error(failed, failed)


@pytest.mark.parametrize(
    ("a", "b", "apart"),
    [
        pytest.param(vector(a="1"), vector(a="1"), 0.0, id="equal"),
        pytest.param(vector(a="4"), vector(a="3"), 0.25, id="numbers"),
        pytest.param(vector(a="0"), vector(a="-0"), 0.0, id="zeros"),
        pytest.param(vector(a="NaN"), vector(a="1"), math.inf, id="NaN"),
        pytest.param(vector(a="+Inf"), vector(a="1e300"), math.inf, id="infinity"),
        pytest.param(vector(a="1"), vector(b="1"), math.inf, id="labels"),
    ],
)
def test_distance_is_relative(a: Answer, b: Answer, apart: float) -> None:
    assert answers.distance(a, b) == apart


def test_histograms_are_compared_number_by_number() -> None:
    def histogram(count: str) -> Answer:
        content = {"count": count, "buckets": [[0, "1", "2", count]]}
        return Answer(type="vector", elements=(Element({}, histogram=(1.0, content)),))

    assert answers.distance(histogram("8"), histogram("6")) == 0.25


def test_pieces_are_united_by_their_labels() -> None:
    a, b, c = (Element({"job": job}, values=[(1.0, "1")]) for job in "abc")

    united = answers.united(
        [Answer(type="matrix", elements=(c, a)), Answer(type="matrix", elements=(a, b))]
    )

    assert united == Answer(type="matrix", elements=(a, b, c))

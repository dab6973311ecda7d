"""Whole answers are united, checked, sorted and cut."""

import json

import pytest

from query_gateway import answers


def success(data: object, **more: object) -> bytes:
    return json.dumps({"status": "success", "data": data, **more}).encode()


def anything(_: object) -> bool:
    return True


def nothing(_: object) -> bool:
    return False


def test_names_are_sorted_and_cut() -> None:
    body = success(["b", "ä", "a", "b"], infos=["i"])

    assert json.loads(answers.names(body, 2, anything)) == {
        "status": "success",
        "data": ["a", "b"],
        "warnings": ["results truncated due to limit"],
        "infos": ["i"],
    }


@pytest.mark.parametrize("limit", [0, 3, 4])
def test_names_within_the_limit_are_all_there(limit: int) -> None:
    body = success(["a", "b", "c"])

    assert json.loads(answers.names(body, limit, anything)) == {
        "status": "success",
        "data": ["a", "b", "c"],
    }


@pytest.mark.parametrize("data", [[], None])
def test_an_empty_answer_has_its_shape(data: list[str] | None) -> None:
    empty = {"status": "success", "data": []}

    assert json.loads(answers.names(success(data), 0, nothing)) == empty
    assert json.loads(answers.series(success(data), 0, nothing)) == empty


def test_series_are_sorted_by_labels_and_cut() -> None:
    body = success([{"b": "1"}, {"a": "2"}, {"a": "1", "c": "1"}, {"a": "1"}], warnings=["w"])

    assert json.loads(answers.series(body, 3, anything)) == {
        "status": "success",
        "data": [{"a": "1"}, {"a": "1", "c": "1"}, {"a": "2"}],
        "warnings": ["results truncated due to limit", "w"],
    }


def test_one_series_that_is_not_permitted_fails_the_answer() -> None:
    body = success([{"namespace": "mine"}, {"namespace": "other"}])

    with pytest.raises(answers.Violation):
        answers.series(body, 1, lambda labels: labels["namespace"] == "mine")


def test_one_value_that_is_not_permitted_fails_the_answer() -> None:
    with pytest.raises(answers.Violation):
        answers.names(success(["mine", "other"]), 0, lambda value: value == "mine")


def matrix(*series: dict[str, object], **more: object) -> bytes:
    return success({"resultType": "matrix", "result": series}, **more)


ONE: dict[str, object] = {"metric": {"job": "a"}, "values": [[1.5, "0.1"], [2, "NaN"]]}
OTHER: dict[str, object] = {
    "metric": {"job": "b"},
    "histograms": [[1, {"count": "3", "sum": "2", "buckets": []}]],
}
BOTH: dict[str, object] = {
    "metric": {"job": "c"},
    "values": [[1, "1"]],
    "histograms": [[2, {"count": "1"}]],
}


def test_pieces_are_united_by_label_set_and_sorted() -> None:
    united = answers.matrices(
        [matrix(BOTH, OTHER, warnings=["w"]), matrix(ONE, OTHER, warnings=["w"])], 0, anything
    )

    assert json.loads(united) == {
        "status": "success",
        "data": {"resultType": "matrix", "result": [ONE, OTHER, BOTH]},
        "warnings": ["w"],
    }


def test_samples_stay_as_the_backend_wrote_them() -> None:
    raw = b'[[1700000000.123,"0.30000000000000004"],[1700000001,"1e-7"]]'
    body = (
        b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":'
        + raw
        + b"}]}}"
    )

    assert raw in answers.matrices([body], 0, anything)


def test_the_union_is_cut_as_a_whole() -> None:
    cut = json.loads(answers.matrices([matrix(OTHER), matrix(ONE)], 1, anything))

    assert (cut["data"]["result"], cut["warnings"]) == (
        [ONE],
        ["results truncated due to limit"],
    )


def test_a_series_of_a_piece_that_is_not_permitted_fails_the_answer() -> None:
    with pytest.raises(answers.Violation):
        answers.matrices([matrix(ONE), matrix(OTHER)], 1, lambda labels: labels["job"] == "a")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>", id="not JSON"),
        pytest.param(b'{"status":"error","data":[]}', id="an error"),
        pytest.param(b'{"data":[]}', id="no status"),
        pytest.param(success([1]), id="other elements"),
        pytest.param(b'{"status":"success","data":["\xff"]}', id="not UTF-8"),
    ],
)
def test_what_is_not_the_answer_is_not_taken_for_one(body: bytes) -> None:
    with pytest.raises(answers.NotAnAnswer):
        answers.names(body, 0, anything)
    with pytest.raises(answers.NotAnAnswer):
        answers.series(body, 0, anything)
    with pytest.raises(answers.NotAnAnswer):
        answers.matrices([body], 0, anything)


def test_pieces_of_another_type_are_not_united() -> None:
    with pytest.raises(answers.NotAnAnswer):
        answers.matrices([success({"resultType": "vector", "result": []})], 0, anything)


def test_exemplars_are_united_checked_and_sorted() -> None:
    a = {"seriesLabels": {"a": "1"}, "exemplars": [{"labels": {"trace": "x"}, "value": "1"}]}
    b = {"seriesLabels": {"a": "2"}, "exemplars": []}

    found = answers.exemplars(
        [
            success([b, a]),
            success([a], warnings=["w"]),
        ],
        lambda _: True,
    )

    assert json.loads(found) == {"status": "success", "data": [a, b], "warnings": ["w"]}
    with pytest.raises(answers.Violation):
        answers.exemplars([success([a])], lambda labels: not labels)


def test_no_exemplars_are_an_empty_answer() -> None:
    assert answers.exemplars([b""], lambda _: True) == b'{"status":"success","data":[]}'


@pytest.mark.parametrize(
    "data",
    [
        {"resultType": "vector", "result": [{"metric": {"a": "1"}, "value": [1, "1"]}]},
        {"resultType": "matrix", "result": [{"metric": {"a": "1"}, "values": [[1, "1"]]}]},
    ],
)
def test_a_result_is_checked_by_its_labels(data: object) -> None:
    body = success(data)

    answers.check(body, lambda labels: labels == {"a": "1"})
    with pytest.raises(answers.Violation):
        answers.check(body, lambda labels: labels == {"a": "2"})
    with pytest.raises(answers.NotAnAnswer):
        answers.check(b'{"status":"error"}', lambda _: True)

"""Answers, cut and put together."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_gateway.answers import NotAnAnswer
from query_gateway.cache import matrix


def body(*series: Mapping[str, object], **more: object) -> bytes:
    data = {"resultType": "matrix", "result": list(series)}
    return msgspec.json.encode({"status": "success", "data": data, **more})


A = {"metric": {"job": "a"}, "values": [[1, "1.50"], [2, "NaN"], [2.5, "3"]]}
B = {"metric": {"job": "b"}, "histograms": [[2, {"count": "3", "sum": "1e-07"}]]}


def test_an_answer_is_read_and_written_as_it_was() -> None:
    text = body(A, B, warnings=["w"], infos=["i"])

    assert matrix.encoded(matrix.decoded(text)) == text


def between(answer: bytes, *times: int) -> list[bytes]:
    return [matrix.encoded(part) for part in matrix.split(matrix.decoded(answer), times)]


def test_a_part_holds_what_lies_in_it() -> None:
    a_part = {"metric": {"job": "a"}, "values": [[2, "NaN"]]}

    assert between(body(A, B), 2_000, 2_001) == [body(a_part, B)]
    assert between(body(A, B), 2_001, 2_500, 9_000) == [
        body(),
        body({"metric": {"job": "a"}, "values": [[2.5, "3"]]}),
    ]


@given(
    st.lists(st.integers(0, 40), max_size=30, unique=True).map(sorted),
    st.lists(st.integers(0, 45), min_size=2, max_size=6).map(sorted),
    st.sampled_from((1, 1_000, 500, 250)),
    st.booleans(),
)
def test_cutting_by_text_is_cutting_by_time(
    present: list[int], at: list[int], unit: int, are_histograms: bool
) -> None:
    def series(numbers: Sequence[int]) -> list[dict[str, object]]:
        name = "histograms" if are_histograms else "values"
        points = [[seconds(number * unit), worth(number)] for number in numbers]
        return [{"metric": {"job": "a"}, name: points}] if points else []

    def worth(number: int) -> object:
        if not are_histograms:
            return str(number)
        return {
            "count": str(number),
            "sum": "1",
            "buckets": [[0, "1", "2", "3"], [3, "4", "5", "6"]],
        }

    found = between(body(*series(present)), *(number * unit for number in at))

    assert found == [
        body(*series([number for number in present if begin <= number < end]))
        for begin, end in pairwise(at)
    ]


def seconds(milliseconds: int) -> int | float:
    return milliseconds // 1000 if milliseconds % 1000 == 0 else milliseconds / 1000


def test_times_are_read_as_prometheus_writes_them() -> None:
    points = b'[1435781430.100,"1"],[1435781430.200,"2"],[1435781431,"3"]'
    text = body({"metric": {}, "values": []}).replace(b"[]", b"[" + points + b"]", 1)

    first, second = matrix.split(
        matrix.decoded(text), (1435781430100, 1435781430200, 1435781431001)
    )

    assert first.series[0].values == b'[1435781430.100,"1"]'
    assert second.series[0].values == b'[1435781430.200,"2"],[1435781431,"3"]'


def test_spaces_in_an_answer_do_not_matter() -> None:
    text = msgspec.json.format(body(A, B), indent=2)

    assert matrix.encoded(matrix.decoded(text)) == body(A, B)


def test_parts_in_a_row_become_one() -> None:
    whole = matrix.decoded(body(A, B, infos=["i"]))
    parts = matrix.split(whole, (1_000, 2_000, 3_000))

    assert matrix.encoded(matrix.concatenated(parts)) == body(A, B, infos=["i"])


def test_a_series_that_begins_later_is_put_where_it_belongs() -> None:
    parts = [matrix.decoded(body(one)) for one in (B, A)]

    assert matrix.encoded(matrix.concatenated(parts)) == body(A, B)


def test_series_are_sorted_and_cut_off() -> None:
    found = matrix.concatenated([matrix.decoded(body(B, A))], limit=1)

    assert matrix.encoded(found) == body(A, warnings=["results truncated due to limit"])


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b'{"status":"error","data":{"resultType":"matrix","result":[]}}',
        b'{"status":"success","data":{"resultType":"vector","result":[]}}',
        body({"metric": {}, "values": [[1, 2]]}),
        body({"metric": {}, "values": 5}),
        body({"metric": {}, "values": [[1, "[1,"]]}),
        body({"metric": {}, "values": [[1, "2"], ["3", "4"]]}),
        body({"metric": {}, "histograms": [[1, "2"]]}),
    ],
)
def test_what_is_no_matrix_is_refused(text: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        matrix.decoded(text)

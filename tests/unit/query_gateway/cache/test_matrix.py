"""Answers, cut and put together."""

from collections.abc import Mapping

import msgspec
import pytest

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


def test_a_part_holds_what_lies_in_it() -> None:
    part = matrix.cut(matrix.decoded(body(A, B)), 2_000, 2_000)

    assert matrix.encoded(part) == body({"metric": {"job": "a"}, "values": [[2, "NaN"]]}, B)
    assert matrix.encoded(matrix.cut(part, 3_000, 9_000)) == body()


def test_parts_in_a_row_become_one() -> None:
    whole = matrix.decoded(body(A, B, infos=["i"]))
    parts = [matrix.cut(whole, start, start + 999) for start in (1_000, 2_000)]

    assert matrix.encoded(matrix.concatenated(parts)) == body(A, B, infos=["i"])


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
    ],
)
def test_what_is_no_matrix_is_refused(text: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        matrix.decoded(text)

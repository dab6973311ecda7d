"""The union of answers whose values are not touched."""

from collections.abc import Mapping

import msgspec
import pytest

from query_gateway.answers import NotAnAnswer
from query_gateway.shards import union
from query_gateway.shards.frames import Uncomputable


def body(kind: str, *elements: Mapping[str, object], **more: object) -> bytes:
    data = {"resultType": kind, "result": elements}
    return msgspec.json.encode({"status": "success", "data": data, **more})


ONE = {"metric": {"job": "b"}, "value": [1, "1.50"]}
OTHER = {"metric": {"job": "a"}, "histogram": [1, {"count": "3"}]}


def test_elements_are_passed_on_as_they_were_written() -> None:
    found = union.united([body("vector", ONE), body("vector", OTHER, infos=["i"])], 0, by_step=True)

    assert found == body("vector", ONE, OTHER, infos=["i"])


def test_ranges_are_sorted_and_cut() -> None:
    bodies = [body("matrix", {"metric": {"a": n}, "values": [[1, n]]}) for n in "312"]

    found = msgspec.json.decode(union.united(bodies, 2, by_step=True) or b"")

    assert [one["metric"]["a"] for one in found["data"]["result"]] == ["1", "2"]
    assert found["warnings"] == ["results truncated due to limit"]


def test_floats_of_equal_labels_are_to_be_merged_by_step() -> None:
    assert union.united([body("vector", ONE), body("vector", ONE)], 0, by_step=True) is None


@pytest.mark.parametrize(("element", "by_step"), [(OTHER, True), (ONE, False)])
def test_one_series_in_two_shards_is_refused_where_it_cannot_be_merged(
    element: Mapping[str, object], by_step: bool
) -> None:
    with pytest.raises(Uncomputable):
        union.united([body("vector", element)] * 2, 0, by_step=by_step)


@pytest.mark.parametrize("text", [b"[]", b'{"status":"error"}', body("matrix")])
def test_what_is_no_answer_is_said_to_be_none(text: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        union.united([body("vector", ONE), text], 0, by_step=True)

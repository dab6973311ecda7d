"""The answers of several shards look like those of one backend."""

from typing import Any

import msgspec
import pytest

from query_gateway import unions
from query_gateway.answers import NotAnAnswer
from query_gateway.endpoints import Answer


def body(data: object, **more: object) -> bytes:
    return msgspec.json.encode({"status": "success", "data": data, **more})


def united(kind: Answer, *shards: list[object]) -> list[Any]:
    found = unions.united(kind, [list(map(body, shard)) for shard in shards])
    return [msgspec.json.decode(one)["data"] for one in found]


def test_lists_hold_every_item_once() -> None:
    one, other = {"__name__": "up", "job": "a"}, {"job": "a", "__name__": "up"}

    assert united("series", [[one]], [[other, {"__name__": "down"}]]) == [
        [one, {"__name__": "down"}]
    ]
    assert united("label names", [["a", "b"]], [["b", "c"]], [None]) == [["a", "b", "c"]]


def test_metadata_holds_every_entry_of_a_family_once_and_every_name() -> None:
    counter, gauge = ({"type": kind, "help": "", "unit": ""} for kind in ("counter", "gauge"))

    assert united(
        "metadata", [{"up": [gauge]}, ["up"]], [{"up": [gauge, counter]}, ["up", "down"]]
    ) == [{"up": [gauge, counter]}, ["up", "down"]]


def test_exemplars_are_left_to_those_who_unite_them_anyway() -> None:
    bodies = [[b"1", b"2"], [b"3", b""]]

    assert unions.united("exemplars", bodies) == [b"1", b"2", b"3", b""]


def rule(state: str, *alerts: str) -> dict[str, object]:
    return {
        "type": "alerting", "name": "Down", "query": "up == 0", "labels": {}, "annotations": {},
        "state": state, "alerts": [{"labels": {"job": one}} for one in alerts],
    }  # fmt: skip


def group(*rules: object, file: str = "f") -> dict[str, object]:
    return {"name": "g", "file": file, "rules": list(rules)}


def test_a_rule_on_several_shards_is_one_with_the_alerts_of_all() -> None:
    (found,) = united(
        "rules",
        [{"groups": [group(rule("pending", "a"))]}],
        [{"groups": [group(rule("firing", "b")), group(rule("inactive"), file="other")]}],
    )

    assert found == {
        "groups": [group(rule("firing", "a", "b")), group(rule("inactive"), file="other")]
    }


def test_warnings_are_said_once() -> None:
    shards = [[body([], warnings=["w"])], [body([], warnings=["w", "v"], infos=["i"])]]

    assert msgspec.json.decode(unions.united("label names", shards)[0]) == {
        "status": "success", "data": [], "warnings": ["v", "w"], "infos": ["i"],
    }  # fmt: skip
    more = unions.with_warnings(body({"a": 1}, warnings=["w"]), ["partial"])
    assert more == body({"a": 1}, warnings=["partial", "w"])


@pytest.mark.parametrize("text", [b"<html>", b"[]", b'{"status":"error"}'])
def test_what_is_no_answer_is_said_to_be_none(text: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        unions.check([body([]), text])
    assert unions.check([b""]) == [b""]

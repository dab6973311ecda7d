"""Results of several shards in the order that was asked for."""

import json

import pytest

from query_gateway.answers import NotAnAnswer, Violation
from query_gateway.failures import Failure
from query_gateway.shards import found_names


def lines(*results: dict[str, object], has_more: bool = False, **more: object) -> bytes:
    first = {"results": list(results), **more}
    last = {"status": "success", "has_more": has_more}
    return b"".join(json.dumps(one).encode() + b"\n" for one in (first, last))


def united(*bodies: bytes, **single: str) -> list[object]:
    found = found_names.united(bodies, single, lambda name: name != "foreign")
    return [json.loads(line) for line in found.splitlines()]


def names(*bodies: bytes, **single: str) -> list[str]:
    return [
        one["name"]
        for line in united(*bodies, **single)
        if isinstance(line, dict)
        for one in line.get("results", ())
    ]


A, B, C = ({"name": name, "score": score} for name, score in (("a", 0.5), ("b", 0.9), ("c", 0.5)))


@pytest.mark.parametrize(
    ("single", "expected"),
    [
        ({}, ["a", "b", "c"]),
        ({"sort_by": "alpha"}, ["a", "b", "c"]),
        ({"sort_by": "alpha", "sort_dir": "dsc"}, ["c", "b", "a"]),
        ({"sort_by": "score"}, ["b", "a", "c"]),
        ({"limit": "2"}, ["a", "b"]),
        ({"limit": "0"}, ["a", "b", "c"]),
    ],
)
def test_results_are_sorted_and_cut_as_one_server_does(
    single: dict[str, str], expected: list[str]
) -> None:
    assert names(lines(B, C), lines(A, C), **single) == expected


def test_a_name_has_the_greater_score_and_what_is_known_of_it() -> None:
    low = {"name": "a", "score": 0.25, "type": "gauge"}

    assert united(lines(A), lines(low), include_score="true")[0] == {
        "results": [{"name": "a", "score": 0.5, "type": "gauge"}]
    }


def test_scores_that_were_not_asked_for_are_not_shown() -> None:
    assert united(lines(A), sort_by="score")[0] == {"results": [{"name": "a"}]}
    assert found_names.asked({"sort_by": "score"})["include_score"] == "true"
    assert "include_score" not in found_names.asked({"sort_by": "alpha"})


def test_lines_warnings_and_whether_there_is_more_are_those_of_all() -> None:
    found = united(
        lines(A, B, warnings=["w"], has_more=True), lines(C, warnings=["v"]), batch_size="2"
    )

    assert found == [
        {"results": [{"name": "a"}, {"name": "b"}], "warnings": ["v", "w"]},
        {"results": [{"name": "c"}]},
        {"status": "success", "has_more": True},
    ]


def test_nothing_is_an_answer() -> None:
    assert united(lines(), lines()) == [{"results": []}, {"status": "success", "has_more": False}]


def test_a_name_of_others_withholds_the_answer() -> None:
    with pytest.raises(Violation):
        united(lines(A), lines({"name": "foreign"}))


def test_a_shard_that_breaks_off_is_not_left_out() -> None:
    error = b'{"status":"error","errorType":"internal","error":"later"}\n'

    with pytest.raises(Failure) as failed:
        united(lines(A), b'{"results":[]}\n' + error)
    assert failed.value.kind == "upstream_execution"


@pytest.mark.parametrize("body", [b"", b'{"results":[]}\n', lines()[:-1], b"{}\n"])
def test_what_did_not_come_whole_is_no_answer(body: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        united(body)

"""What is answered without a backend."""

from typing import Any

import msgspec
import pytest

import tenantry_promql as promql
from query_gateway import local_answers
from query_gateway.endpoints import LOCAL, Answer
from query_gateway.failures import Failure
from query_gateway.parameters import Arguments
from query_gateway.permission import Permission

RULES = promql.RuleSet([promql.parse_rule("up")])


def answer(kind: Answer, query: str = "up") -> Any:
    return msgspec.json.decode(
        local_answers.body(
            kind,
            Arguments(single={"query": query}),
            tenant="shop",
            permission=Permission(RULES),
            known=(),
            routes=(),
            limits=promql.Limits(query_bytes=100),
            started=0.0,
        )
    )


@pytest.mark.parametrize("kind", sorted(LOCAL - {"description"}))
def test_each_has_the_envelope(kind: Answer) -> None:
    assert set(answer(kind)) == {"status", "data"}
    assert answer(kind)["status"] == "success"


def test_they_answer_what_they_are_asked() -> None:
    assert answer("formatted query", "sum( up )by(a)")["data"] == "sum(up) by (a)"
    assert answer("parsed query", "1")["data"] == {"type": "numberLiteral", "val": "1"}
    assert answer("access")["data"]["selectors"] == ["up"]
    assert answer("explanation", "down")["data"]["selectors"][0]["outcome"] == "empty"
    assert answer("description")["openapi"] == "3.1.0"


@pytest.mark.parametrize("kind", ["formatted query", "parsed query", "explanation"])
@pytest.mark.parametrize(("query", "reason"), [("up{", "syntax"), ("up + " * 30 + "up", "limit")])
def test_a_query_that_cannot_be_read_is_a_failure(kind: Answer, query: str, reason: str) -> None:
    with pytest.raises(Failure) as failure:
        answer(kind, query)

    assert failure.value.kind == reason


def test_what_needs_a_backend_is_none_of_them() -> None:
    with pytest.raises(AssertionError):
        answer("series")

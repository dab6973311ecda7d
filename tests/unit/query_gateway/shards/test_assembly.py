"""From a plan to requests, and from answers to the answer."""

import msgspec

from query_gateway.shards import assembly
from query_gateway.shards.answers_json import Grid
from query_gateway.shards.assembly import Wanted
from query_gateway.shards.plans import Combined, Fetch, Number
from tenantry_promql.operations import Matching

INSTANT = Grid(1_000, 0, 1, is_range=False)
X = Fetch("sum(x)", "sum")
TIME = Fetch("time()", "any", "scalar")


def body(kind: str, result: object) -> bytes:
    return msgspec.json.encode(
        {"status": "success", "data": {"resultType": kind, "result": result}}
    )


def vector(*values: str) -> bytes:
    return body("vector", [{"metric": {}, "value": [1, value]} for value in values])


def test_every_shard_is_asked_for_every_part_and_one_for_what_all_know() -> None:
    plan = Combined("-", TIME, X)

    assert assembly.wanted(plan, ("a", "b")) == (Wanted(TIME, "a"), Wanted(X, "a"), Wanted(X, "b"))


def test_parts_are_merged_and_computed_with() -> None:
    plan = Combined("/", X, Number(2.0))
    bodies = {Wanted(X, "a"): vector("3"), Wanted(X, "b"): vector("5"), Wanted(X, "c"): vector()}

    assert assembly.assembled(plan, bodies, INSTANT, limit=0) == vector("4")


def test_a_constant_is_passed_on_whatever_it_is() -> None:
    text = body("string", [1, "text"])

    assert assembly.assembled(TIME, {Wanted(TIME, "a"): text}, INSTANT, limit=0) == text


def test_scalars_take_part() -> None:
    plan = Combined("or", Combined("+", X, TIME), X, matching=Matching("many-to-many"))
    bodies = {
        Wanted(X, "a"): vector("3"),
        Wanted(X, "b"): vector("5"),
        Wanted(TIME, "a"): body("scalar", [1, "1"]),
    }

    assert assembly.assembled(plan, bodies, INSTANT, limit=0) == vector("9")


def test_series_in_two_shards_one_after_the_other_are_one_series() -> None:
    grid = Grid(1_000, 1_000, 2, is_range=True)
    up = Fetch("up", "disjoint")
    first, second = ([{"metric": {}, "values": [[at, "1"]]}] for at in (1, 2))
    bodies = {Wanted(up, "a"): body("matrix", first), Wanted(up, "b"): body("matrix", second)}

    assert assembly.assembled(up, bodies, grid, limit=0) == body(
        "matrix", [{"metric": {}, "values": [[1, "1"], [2, "1"]]}]
    )

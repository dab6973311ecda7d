"""The table of docs/shards.md is true, and complete."""

import re
from pathlib import Path

import pytest

from query_gateway.shards import planner, table
from query_gateway.shards.plans import Aggregated, Fetch, Mean, Plan
from tenantry_promql.errors import Refused
from tenantry_promql.functions import FUNCTIONS
from tenantry_promql.lexer import AGGREGATORS
from tenantry_promql.reader import read
from tenantry_promql.settings import Limits, Upstream

PAGE = (Path(__file__).parents[4] / "docs" / "shards.md").read_text()
ROWS = re.findall(r"^\| (.+) \| `(.+)` \| (\w+) \|$", PAGE, re.MULTILINE)


def way(query: str) -> str:
    try:
        plan = planner.plan(read(query, Limits()), Upstream.strictest())
    except Refused:
        return "refused"
    return _way(plan)


def _way(plan: Plan) -> str:
    match plan:
        case Fetch(merge="any"):
            return "one"
        case Fetch(merge="disjoint" | "distinct"):
            return "sent"
        case Fetch() | Mean():
            return "merged"
        case Aggregated(op=op, inner=Fetch(query=query)) if query.startswith(op):
            return "merged"
        case _:
            return "computed"


@pytest.mark.parametrize(("construct", "query", "expected"), ROWS, ids=[row[1] for row in ROWS])
def test_an_example_goes_its_way(construct: str, query: str, expected: str) -> None:
    assert way(query) == expected, construct


def test_every_aggregation_is_in_the_table() -> None:
    assert {name for name in AGGREGATORS if f"`{name}`" not in PAGE} == set()


def test_every_function_is_in_a_row_or_a_class_of_it() -> None:
    ranges = {name for name, one in FUNCTIONS.items() if "range vector" in one.argument_types}
    constants = {name for name, one in FUNCTIONS.items() if not one.argument_types}
    classes = ranges | constants | table.ELEMENTWISE

    assert {name for name in FUNCTIONS.keys() - classes if f"`{name}`" not in PAGE} == set()

"""What is sent to the shards, what is computed from their answers, and what is refused."""

import pytest

from query_gateway.shards import planner
from query_gateway.shards.plans import (
    Aggregated,
    Applied,
    Combined,
    Fetch,
    Mean,
    Negated,
    Number,
    Plan,
    fetches,
)
from tenantry_promql.errors import Refused
from tenantry_promql.operations import Grouping, Matching
from tenantry_promql.reader import read
from tenantry_promql.settings import Limits, Upstream

PLAIN = Upstream.strictest()
LATE = PLAIN._replace(delayed_name_removal=True)


def planned(query: str, upstream: Upstream = PLAIN) -> Plan:
    return planner.plan(read(query, Limits()), upstream)


@pytest.mark.parametrize(
    "query",
    [
        "up",
        "rate(x[5m])",
        "max_over_time(rate(x[1m])[5m:1m] offset 1h)",
        "x @ end()",
        "sum_over_time((x > 5)[5m:])",
        "abs(x > bool 5)",
        "abs(5 < x)",
        "abs(x ^ 2)",
        "abs(-x)",
        "ln(x)",
        "abs(x + time())",
        "timestamp(x)",
        "{job='a'}",
        "last_over_time({job='a'}[5m])",
        "clamp(x, 1, 2)",
    ],
)
def test_what_is_per_series_is_sent_whole_and_its_answers_are_united(query: str) -> None:
    assert planned(query) == Fetch(query, "disjoint")


@pytest.mark.parametrize(
    "query",
    ["label_replace(x, 'a', '$1', 'b', '(.*)')", "abs({__name__=~'a|b'})", "rate({a='b'}[5m])"],
)
def test_elements_that_may_become_equal_are_compared(query: str) -> None:
    assert planned(query) == Fetch(query, "distinct")


@pytest.mark.parametrize(
    "query", ["1", "5m", "time()", "vector(1)", "vector(-time())", "absent(vector(1))"]
)
def test_what_reads_no_series_is_asked_of_one_shard(query: str) -> None:
    plan = planned(query)

    assert isinstance(plan, Fetch)
    assert (plan.query, plan.merge) == (query, "any")


@pytest.mark.parametrize(
    ("query", "merge"),
    [
        pytest.param("sum by (job) (rate(x[5m]))", "sum", id="sum"),
        pytest.param("count without (job) (x)", "sum", id="count"),
        pytest.param("min(x)", "min", id="min"),
        pytest.param("max(x)", "max", id="max"),
        pytest.param("group by (job) (x)", "max", id="group"),
        pytest.param("count_values('value', x)", "sum", id="count_values"),
        pytest.param("absent(x)", "everywhere", id="absent"),
        pytest.param("absent_over_time(x[5m])", "everywhere", id="absent_over_time"),
    ],
)
def test_aggregations_are_sent_and_their_parts_merged(query: str, merge: str) -> None:
    assert planned(query) == Fetch(query, merge)  # type: ignore[arg-type]  # one of them


BY_JOB = Grouping(("job",))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param(
            "avg by (job) (x)",
            Mean(Fetch("sum by (job) (x)", "sum"), Fetch("count by (job) (x)", "sum")),
            id="an average is a sum through a count",
        ),
        pytest.param(
            "topk by (job) (3, x)",
            Aggregated("topk", BY_JOB, Fetch("topk by (job) (3, x)", "disjoint"), Number(3.0)),
            id="the largest are chosen twice",
        ),
        pytest.param(
            "topk(scalar(y), x)",
            Aggregated(
                "topk",
                Grouping(),
                Fetch("x", "disjoint"),
                Applied("scalar", (Fetch("y", "disjoint"),)),
            ),
            id="how many is known only when all is put together",
        ),
        pytest.param(
            "quantile(0.9, x)",
            Aggregated("quantile", Grouping(), Fetch("x", "disjoint"), Number(0.9)),
            id="a quantile needs every value",
        ),
        pytest.param(
            "max(sum by (job) (x))",
            Aggregated("max", Grouping(), Fetch("sum by (job) (x)", "sum")),
            id="an aggregation of an aggregation",
        ),
        pytest.param(
            "sum(abs({__name__=~'a|b'}))",
            Aggregated("sum", Grouping(), Fetch("abs({__name__=~'a|b'})", "distinct")),
            id="series that could become equal are looked at before they are added up",
        ),
        pytest.param(
            "sum(x) / sum(y)",
            Combined(
                "/", Fetch("sum(x)", "sum"), Fetch("sum(y)", "sum"), False, Matching("one-to-one")
            ),
            id="an operation between aggregations",
        ),
        pytest.param(
            "x and on (job) y",
            Combined(
                "and",
                Fetch("x", "disjoint"),
                Fetch("y", "disjoint"),
                False,
                Matching("many-to-many", ("job",), on=True),
            ),
            id="a set operation between series",
        ),
        pytest.param(
            "sum(x) > bool 5",
            Combined(">", Fetch("sum(x)", "sum"), Number(5.0), True),
            id="a comparison with a number",
        ),
        pytest.param(
            "topk(0x2, sum(x))",
            Aggregated("topk", Grouping(), Fetch("sum(x)", "sum"), Fetch("0x2", "any", "scalar")),
            id="a number whose spelling a server may not know",
        ),
        pytest.param("-sum(x)", Negated(Fetch("sum(x)", "sum")), id="a sign"),
        pytest.param(
            "histogram_quantile(0.9, sum by (le) (x))",
            Applied("histogram_quantile", (Number(0.9), Fetch("sum by (le) (x)", "sum"))),
            id="a quantile of buckets",
        ),
        pytest.param(
            "label_join(sum by (a) (x), 'b', '-', 'a')",
            Applied("label_join", (Fetch("sum by (a) (x)", "sum"),), ("b", "-", "a")),
            id="labels of an aggregation",
        ),
    ],
)
def test_the_rest_is_computed_from_what_is_put_together(query: str, expected: Plan) -> None:
    assert planned(query) == expected


@pytest.mark.parametrize(
    ("query", "what"),
    [
        pytest.param("max_over_time(sum(x)[5m:1m])", "A subquery", id="the past of an aggregation"),
        pytest.param("rate(abs({job='a'})[5m:])", "A subquery", id="the past of unequal names"),
        pytest.param("ln(sum(x))", "ln()", id="a logarithm"),
        pytest.param("sum(x) ^ 2", "^", id="a power"),
        pytest.param("limitk(2, x)", "limitk", id="any of them"),
        pytest.param("info(x)", "info()", id="info metrics"),
        pytest.param(
            "quantile_over_time(scalar(y), x[5m])", "quantile_over_time()", id="a parameter"
        ),
        pytest.param("count_values('v', sum by (a) (x))", "count_values", id="numbers as text"),
        pytest.param("sum(x) + fill(0) sum(y)", "fill", id="filled"),
        pytest.param("max by ('a b') (sum by (c) (x))", "a label name", id="a quoted name"),
        pytest.param("timestamp(sum(x))", "timestamp()", id="the time of an aggregation"),
    ],
)
def test_what_cannot_be_exact_is_refused_by_name(query: str, what: str) -> None:
    with pytest.raises(Refused) as refused:
        planned(query)

    assert refused.value.what.startswith(what)


def test_names_that_are_removed_late_are_no_labels_to_compute_with() -> None:
    with pytest.raises(Refused, match="__name__"):
        planned("quantile by (__name__) (0.5, rate(x[5m]))", LATE)


def test_late_removal_makes_names_no_reason_to_look_at_elements_first() -> None:
    query = "sum(rate({job='a'}[5m]))"

    assert planned(query, LATE) == Fetch(query, "sum")


def test_a_part_that_occurs_twice_is_fetched_once() -> None:
    plan = planned("sum(x) / (sum(x) + sum(y))")

    assert fetches(plan) == (Fetch("sum(x)", "sum"), Fetch("sum(y)", "sum"))


def test_operations_keep_their_order_in_what_is_sent() -> None:
    assert planned("(1 + 2 * x) ^ 2 > 5") == Fetch("((1 + (2 * x)) ^ 2) > 5", "disjoint")

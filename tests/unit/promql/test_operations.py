"""Chains as nested operations, and what modifiers say."""

import pytest

from tenantry_promql import operations
from tenantry_promql.operations import Grouping, Matching
from tenantry_promql.reader import read
from tenantry_promql.settings import Limits
from tenantry_promql.syntax import Aggregation, Chain, Operator, to_text


def chain(query: str) -> Chain:
    node = read(query, Limits())
    assert isinstance(node, Chain)
    return node


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("a + b * c", "(a + (b * c))", id="precedence"),
        pytest.param("a - b - c", "((a - b) - c)", id="to the left"),
        pytest.param("a ^ b ^ c", "(a ^ (b ^ c))", id="powers to the right"),
        pytest.param("-a ^ b", "(-(a ^ b))", id="a sign takes the power"),
        pytest.param("-a * b", "((-a) * b)", id="a sign before the product"),
        pytest.param("a or b and c unless d", "(a or ((b and c) unless d))", id="sets"),
        pytest.param("a > b + 1", "(a > (b + 1))", id="comparisons"),
    ],
)
def test_operations_nest_by_precedence(query: str, expected: str) -> None:
    nested = operations.fold(
        chain(query),
        to_text,
        lambda operator, one: f"({operator.symbol}{one})",
        lambda operator, left, right: f"({left} {operator.symbol} {right})",
    )

    assert nested == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("sum(a)", Grouping(), id="everything"),
        pytest.param("sum by (x, 'y z') (a)", Grouping(("x", "y z")), id="by, with a quoted name"),
        pytest.param("sum(a) without (x,)", Grouping(("x",), without=True), id="without, behind"),
        pytest.param("sum BY () (a)", Grouping(), id="by nothing"),
    ],
)
def test_an_aggregation_says_how_it_groups(query: str, expected: Grouping) -> None:
    node = read(query, Limits())
    assert isinstance(node, Aggregation)

    assert operations.grouping(node) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("a + b", Matching("one-to-one"), id="plain"),
        pytest.param("a or on (x) b", Matching("many-to-many", ("x",), on=True), id="a set"),
        pytest.param(
            "a * ignoring (x, y) group_left b",
            Matching("many-to-one", ("x", "y")),
            id="many to one",
        ),
        pytest.param(
            "a * on (x) group_right (z) b",
            Matching("one-to-many", ("x",), on=True, include=("z",)),
            id="one to many with a label of the other side",
        ),
        pytest.param(
            "a + fill_left (-1) b",
            Matching("one-to-one", fill_left=-1.0),
            id="a value for what is missing",
        ),
    ],
)
def test_an_operator_says_how_it_matches(query: str, expected: Matching) -> None:
    (operator,) = (part for part in chain(query).parts if isinstance(part, Operator))

    assert operations.matching(operator) == expected

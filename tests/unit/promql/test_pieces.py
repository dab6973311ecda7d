"""Residuals in an order for `or`, as texts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.promql.algebra import RULES, SERIES, holds

from tenantry_promql.constraints import implies
from tenantry_promql.normalform import (
    TRUE,
    Rule,
    constraints_of,
    matchers_of,
    name_condition,
)
from tenantry_promql.pieces import (
    Pieces,
    absent_text,
    injected_text,
    is_legacy_name,
    pieces_of,
)
from tenantry_promql.selectors import format_selector, parse_selector
from tenantry_promql.syntax import METRIC_NAME, Matcher


def rule(selector: str) -> Rule:
    return tuple(sorted(constraints_of(parse_selector(selector)).items()))


def ordered(*selectors: str) -> list[str] | None:
    pieces = pieces_of(tuple(map(rule, selectors)), 0)
    return [format_selector(matchers_of(one)) for one in pieces.rules] if pieces.in_order else None


@pytest.mark.parametrize(
    ("residuals", "expected"),
    [
        pytest.param(['{a="1"}', '{b="1"}'], ['{a="1"}', '{b="1"}'], id="without names any order will do"),
        pytest.param(['up{a="1"}', '{b="1"}'], ['{b="1"}', 'up{a="1"}'], id="the widest name condition first"),
        pytest.param(['up{a="1"}', '{__name__=~"u.*",b="1"}', '{c="1"}'], ['{c="1"}', '{__name__=~"u.*",b="1"}', 'up{a="1"}'], id="a chain of three"),
        pytest.param(['x{a="1"}', 'y{a="2"}'], ['x{a="1"}', 'y{a="2"}'], id="names do not matter where a label differs"),
        pytest.param(['x{a="1"}', 'y{b="2"}'], None, id="incomparable names have no order"),
        pytest.param(['x{a="1"}', 'y{b="2"}', '{c="1"}'], None, id="not even behind a wide one"),
    ],
)  # fmt: skip
def test_order(residuals: list[str], expected: list[str] | None) -> None:
    assert ordered(*residuals) == expected


def _hides(first: Rule, later: Rule) -> bool:
    """Say whether `or` would drop a series of the later piece that is not in the first."""
    return any(
        holds(first, x) and holds(later, y) and not holds(first, y)
        for y in SERIES
        for x in SERIES
        if all(x[label] == y[label] for label in x if label != METRIC_NAME)
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(RULES, min_size=2, max_size=4, unique=True))
def test_no_piece_hides_a_later_one(residuals: list[Rule]) -> None:
    pieces = pieces_of(tuple(residuals), 0)

    if pieces.in_order:
        assert not any(
            _hides(first, later)
            for index, first in enumerate(pieces.rules)
            for later in pieces.rules[index + 1 :]
        )


def test_beyond_what_is_ever_sent_no_order_is_sought() -> None:
    many = tuple(rule(f'm{number}{{a="{number}"}}') for number in range(300))

    assert not pieces_of(many, 0).in_order


def test_nothing_to_add_is_unrestricted() -> None:
    assert pieces_of((TRUE,), 3) == Pieces((TRUE,), True, ("",), frozenset(), False, 3)
    assert pieces_of((TRUE,), 3).is_unrestricted
    assert not pieces_of((), 3).is_unrestricted


@pytest.mark.parametrize(
    ("selector", "injected", "in_absent"),
    [
        pytest.param('{a="1"}', 'a="1"', 'a=~"1"', id="one value"),
        pytest.param('{a="x.y"}', 'a="x.y"', 'a=~"x\\\\.y"', id="a value is quoted as an expression"),
        pytest.param('{a=~"1|2"}', 'a=~"1|2"', 'a=~"1|2"', id="a set"),
        pytest.param('{a=""}', 'a=""', 'a=~""', id="a missing label"),
        pytest.param('{a!="1"}', 'a!="1"', 'a!="1"', id="an exclusion"),
        pytest.param('{a!~"1|2"}', 'a!~"1|2"', 'a!~"1|2"', id="several"),
        pytest.param('{a=~"x.*",a!~"xy.*"}', 'a=~"x.*",a!~"xy.*"', 'a=~"x.*",a!~"xy.*"', id="expressions"),
        pytest.param('{"b.c"="1"}', '"b.c"="1"', '"b.c"=~"1"', id="a quoted label"),
        pytest.param('{a="x\\"y\\n"}', 'a="x\\"y\\n"', 'a=~"x\\"y\\n"', id="a quoted value"),
    ],
)  # fmt: skip
def test_texts(selector: str, injected: str, in_absent: str) -> None:
    assert (injected_text(rule(selector)), absent_text(rule(selector))) == (injected, in_absent)


def test_pieces_know_what_may_stand_in_the_way_of_sending_them() -> None:
    named = pieces_of((rule('up{a="1"}'),), 0)
    quoted = pieces_of((rule('{"b.c"="1"}'),), 0)

    assert (named.labels, named.quotes_labels) == (frozenset((METRIC_NAME, "a")), False)
    assert (quoted.labels, quoted.quotes_labels) == (frozenset(("b.c",)), True)


@pytest.mark.parametrize(("label", "expected"), [("a_1", True), ("__x", True), ("1a", False), ("a.b", False), ("é", False), ("", False), ("a:b", False)])  # fmt: skip
def test_legacy_names(label: str, expected: bool) -> None:
    assert is_legacy_name(label) is expected


def test_name_condition_of_a_rule_without_name_is_anything() -> None:
    assert implies(name_condition(rule("up")), name_condition(rule('{a="1"}')))
    assert Matcher(METRIC_NAME, "=", "up") in matchers_of(rule("up"))

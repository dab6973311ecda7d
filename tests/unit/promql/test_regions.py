"""Metric names split into regions in which all pieces demand the same."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.promql.algebra import RULES, SERIES, holds, series_of

from tenantry_promql.normalform import Rule, constraints_of, matchers_of, name_condition
from tenantry_promql.regions import name_regions
from tenantry_promql.selectors import format_selector, parse_selector


def rule(selector: str) -> Rule:
    return tuple(sorted(constraints_of(parse_selector(selector)).items()))


def test_incomparable_names_are_cut_where_they_overlap() -> None:
    regions = name_regions([rule('{__name__=~"a.*",x="1"}'), rule('{__name__=~"a|b",y="1"}')], 64)

    assert [[format_selector(matchers_of(one)) for one in region] for region in regions or []] == [
        ['a{x="1"}', 'a{y="1"}'],
        ['{__name__!~"a|b",__name__=~"a.*",x="1"}'],
        ['b{y="1"}'],
    ]


@settings(max_examples=150, deadline=None)
@given(st.lists(RULES, min_size=1, max_size=4))
def test_regions_are_disjoint_and_hold_all_series(rules: list[Rule]) -> None:
    regions = name_regions(rules, 1000) or []

    assert series_of(one for region in regions for one in region) == series_of(rules)
    for labels in SERIES:
        assert sum(any(holds(one, labels) for one in region) for region in regions) <= 1


@settings(max_examples=100, deadline=None)
@given(st.lists(RULES, min_size=1, max_size=4))
def test_within_a_region_all_demand_the_same_name(rules: list[Rule]) -> None:
    for region in name_regions(rules, 1000) or []:
        assert len({name_condition(one) for one in region}) == 1


def test_too_many_regions_are_none() -> None:
    rules = [rule(f'{{__name__=~"[a]{number}.*",x{number}="1"}}') for number in range(12)]

    assert name_regions(rules, 64) is None

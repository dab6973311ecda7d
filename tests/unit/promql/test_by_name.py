"""Rules without names, for a name that is known."""

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.promql.algebra import RULES, SERIES, holds

from tenantry_promql.by_name import ByName
from tenantry_promql.normalform import Rule, constraints_of, matchers_of, rule_of
from tenantry_promql.selectors import format_selector, parse_selector
from tenantry_promql.syntax import METRIC_NAME


def rules(*selectors: str) -> list[Rule]:
    found = [rule_of(constraints_of(parse_selector(text)).items()) for text in selectors]
    return [rule for rule in found if rule is not None]


def left(table: ByName, name: str) -> list[str] | None:
    found = table.of(name)
    return None if found is None else [format_selector(matchers_of(rule)) for rule in found]


@given(st.lists(RULES, max_size=5), st.sampled_from(SERIES))
def test_they_say_of_a_series_of_that_name_what_the_rules_say(
    given_rules: list[Rule], labels: dict[str, str]
) -> None:
    found = ByName(given_rules).of(labels[METRIC_NAME])

    assert found is None or any(holds(rule, labels) for rule in found) == any(
        holds(rule, labels) for rule in given_rules
    )


def test_they_are_simplified() -> None:
    table = ByName(rules('up{ns="a"}', '{__name__=~"up|node_.*",ns="b"}', '{ns="c"}', 'x{job="d"}'))

    assert left(table, "up") == ['{ns=~"a|b|c"}']
    assert left(table, "node_load1") == ['{ns=~"b|c"}']
    assert left(table, "x") == ['{ns="c"}', '{job="d"}']
    assert left(table, "other") == ['{ns="c"}']


def test_a_name_that_versions_disagree_about_has_no_answer() -> None:
    assert ByName(rules('{__name__=~"(?i)É"}')).of("é") is None


def test_many_conditions_make_no_table() -> None:
    assert left(ByName(rules(*(f'm{n}{{a="{n}"}}' for n in range(4)))), "m1") == ['{a="1"}']
    assert ByName(rules(*(f'm{n}{{a="{n}"}}' for n in range(5)))).of("m1") is None

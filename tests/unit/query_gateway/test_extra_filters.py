"""Rules become filters where two servers certainly read them in the same way."""

import pytest

import tenantry_promql as promql
from query_gateway import endpoints, extra_filters, parameters
from query_gateway.parameters import Arguments


def of(*rules: str) -> tuple[str, ...] | None:
    return extra_filters.of(promql.RuleSet(map(promql.parse_rule, rules)))


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param(("up",), id="a name"),
        pytest.param(('{ns="shop"}', 'up{job!="a",cluster=""}'), id="equality"),
        pytest.param(('{ns=~"a|b-c|"}', 'up{ns!~"x|y"}'), id="alternatives"),
        pytest.param(('{ns="a\\\\b\\"c"}',), id="quotes"),
    ],
)
def test_plain_rules_are_filters(rules: tuple[str, ...]) -> None:
    found = of(*rules)

    assert found is not None
    assert promql.RuleSet(map(promql.parse_rule, found)) == promql.RuleSet(
        map(promql.parse_rule, rules)
    )


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param((), id="nothing is permitted: no filter would permit everything"),
        pytest.param(("{}",), id="everything is permitted"),
        pytest.param(('{ns=~"shop.*"}',), id="a dot"),
        pytest.param(('{ns=~"(?i)shop"}',), id="a flag"),
        pytest.param(('{ns=~"a+"}',), id="a repetition"),
        pytest.param(('{ns="shop"}', '{ns!~"[ab]"}'), id="one of several"),
        pytest.param(('{ns="caf\u00e9"}',), id="not ASCII"),
        pytest.param(('{ns="a\\nb"}',), id="a line feed"),
        pytest.param(('{__graphite__="a"}',), id="a label with another meaning"),
        pytest.param(('{vm_account_id="1"}',), id="a label that chooses a tenant"),
        pytest.param(('{"a.b"="1"}',), id="a label that needs quotes"),
    ],
)
def test_others_are_not(rules: tuple[str, ...]) -> None:
    assert of(*rules) is None


def test_a_query_goes_as_it_is_with_the_filters() -> None:
    rules = promql.RuleSet(map(promql.parse_rule, ('{ns="shop"}', "up")))
    by_name = {one.name: one for one in endpoints.ENDPOINTS}

    def forms(endpoint: str, *, takes_filters: bool, **single: str) -> list[list[tuple[str, str]]]:
        calls = parameters.calls(
            by_name[endpoint],
            Arguments(single=single),
            rules,
            promql.Upstream.strictest(),
            promql.Limits(),
            now=5.0,
            timeout=1.0,
            takes_filters=takes_filters,
        )
        return [list(call.form) for call in calls]

    (form,) = forms("query", takes_filters=True, query="rate(x[5m])")
    assert form == [
        ("query", "rate(x[5m])"),
        ("timeout", "1s"),
        ("extra_filters[]", "up"),
        ("extra_filters[]", '{ns="shop"}'),
    ]
    (form,) = forms("query", takes_filters=False, query="rate(x[5m])")
    assert form[0] == ("query", 'rate(x{ns="shop"}[5m])')
    assert not any(name == "extra_filters[]" for name, _ in forms("labels", takes_filters=True)[0])

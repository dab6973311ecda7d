"""What leaves is restricted; what cannot be restricted is refused in Prometheus' words."""

import pytest

import tenantry_promql as promql
from query_gateway import enforce
from query_gateway.failures import Failure, Kind

UPSTREAM = promql.Upstream.strictest()
LIMITS = promql.Limits()


def rules(*texts: str) -> promql.RuleSet:
    return promql.RuleSet(map(promql.parse_rule, texts))


SHOP = rules('{namespace="shop"}')
NOTHING = rules()


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        pytest.param("up", ('up{namespace="shop"}',), id="a selector"),
        pytest.param("1 + 1", ("1 + 1",), id="no selector"),
        pytest.param(
            'sum(rate(x{job="a"}[5m]))',
            ('sum(rate(x{job="a",namespace="shop"}[5m]))',),
            id="inside",
        ),
    ],
)
def test_a_query_is_restricted(text: str, sent: tuple[str, ...]) -> None:
    assert enforce.query(text, SHOP, UPSTREAM, LIMITS) == sent


def test_a_range_selector_becomes_one_query_for_each_piece() -> None:
    both = rules('up{job="a"}', '{namespace="shop"}')

    assert set(enforce.query("up[5m]", both, UPSTREAM, LIMITS)) == {
        'up{job="a"}[5m]',
        'up{namespace="shop"}[5m]',
    }


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        pytest.param(
            "up{",
            "syntax",
            'invalid parameter "query": 1:4: parse error: unexpected end of input inside braces',
            id="does not parse",
        ),
        pytest.param(
            "",
            "syntax",
            'invalid parameter "query": 1:1: parse error: no expression found in input',
            id="empty",
        ),
    ],
)
def test_what_does_not_parse_is_told_in_prometheus_words(
    text: str, kind: Kind, message: str
) -> None:
    with pytest.raises(Failure) as raised:
        enforce.query(text, SHOP, UPSTREAM, LIMITS)

    assert (raised.value.kind, raised.value.text) == (kind, message)


def test_what_cannot_be_exact_is_refused_with_a_reason() -> None:
    with pytest.raises(Failure) as raised:
        enforce.query("info(up)", SHOP, UPSTREAM, LIMITS)

    assert raised.value.kind == "refused"
    assert "is refused because" in raised.value.text


def test_what_is_too_long_names_the_limit() -> None:
    with pytest.raises(Failure) as raised:
        enforce.query("up " * 10, SHOP, UPSTREAM, promql.Limits(query_bytes=10))

    assert raised.value.kind == "limit"
    assert "the limit query_bytes is 10" in raised.value.text


@pytest.mark.parametrize(
    ("texts", "permitted", "sent"),
    [
        pytest.param(("up",), SHOP, ('up{namespace="shop"}',), id="one"),
        pytest.param(
            ("up", "down"),
            SHOP,
            ('up{namespace="shop"}', 'down{namespace="shop"}'),
            id="several",
        ),
        pytest.param(
            ("up",),
            rules("up", '{namespace="shop"}'),
            ("up",),
            id="one that is permitted as it is",
        ),
        pytest.param((), SHOP, ('{namespace="shop"}',), id="none: the rules themselves"),
        pytest.param(("up", "up"), SHOP, ('up{namespace="shop"}',), id="repeated"),
        pytest.param(
            (),
            NOTHING,
            ('{__tenantry_never__=~".+",__tenantry_never__!~".+"}',),
            id="none, and nothing is permitted",
        ),
        pytest.param(
            ("up",),
            NOTHING,
            ('up{__tenantry_never__=~".+",__tenantry_never__!~".+"}',),
            id="one, and nothing is permitted",
        ),
        pytest.param(
            ('up{namespace="a"}',),
            SHOP,
            ('up{namespace="a",__tenantry_never__=~".+",__tenantry_never__!~".+"}',),
            id="one that nothing permitted can match",
        ),
    ],
)
def test_selectors_are_restricted(
    texts: tuple[str, ...], permitted: promql.RuleSet, sent: tuple[str, ...]
) -> None:
    assert enforce.selectors(texts, permitted, UPSTREAM, LIMITS) == sent


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "up{",
            'invalid parameter "match[]": 1:4: parse error: unexpected end of input inside braces',
            id="does not parse",
        ),
        pytest.param(
            "{}",
            "",
            id="matches everything",
        ),
        pytest.param("up[5m]", "", id="a range"),
        pytest.param("up or down", "", id="an expression"),
    ],
)
def test_a_selector_that_is_none_is_refused(text: str, message: str) -> None:
    with pytest.raises(Failure) as raised:
        enforce.selectors((text,), SHOP, UPSTREAM, LIMITS)

    assert raised.value.kind == "syntax"
    assert raised.value.text.startswith(message or 'invalid parameter "match[]": ')


def test_selectors_that_become_too_long_together_name_the_limit() -> None:
    with pytest.raises(Failure) as raised:
        enforce.selectors(("up", "down"), SHOP, UPSTREAM, promql.Limits(output_bytes=30))

    assert raised.value.kind == "limit"
    assert "output_bytes is 30" in raised.value.text


@pytest.mark.parametrize(
    ("label", "value", "permitted", "possible"),
    [
        pytest.param("namespace", "shop", SHOP, True, id="the one that the rules want"),
        pytest.param("namespace", "bank", SHOP, False, id="another"),
        pytest.param(
            "namespace",
            "bank",
            rules("up", '{namespace="shop"}'),
            True,
            id="a rule that does not name the label",
        ),
        pytest.param("job", "any", SHOP, True, id="a label that no rule names"),
        pytest.param("job", "any", NOTHING, False, id="nothing is permitted"),
        pytest.param("__name__", "x_y", rules("x_.*", "y"), True, id="a metric name"),
        pytest.param("__name__", "z", rules("x_.*", "y"), False, id="another metric's name"),
    ],
)
def test_a_label_value_outside_the_rules_is_noticed(
    label: str, value: str, permitted: promql.RuleSet, possible: bool
) -> None:
    assert enforce.possible_values(label, permitted).matches({label: value}) == possible


def test_info_has_no_exemplars() -> None:
    everything = promql.RuleSet([()])

    with pytest.raises(Failure) as failure:
        enforce.exemplars("info(up)", everything, promql.Upstream.strictest(), promql.Limits())

    assert failure.value.kind == "refused"


def test_exemplars_need_no_order_of_names() -> None:
    texts = ('{__name__=~"a.*",x="1"}', '{__name__=~".*b",y="1"}')
    rules = promql.RuleSet(map(promql.parse_rule, texts))

    found = enforce.exemplars(
        'rate({job="j"}[5m])', rules, promql.Upstream.strictest(), promql.Limits()
    )

    assert len(found) == 1
    assert 'x="1"' in found[0]
    assert 'y="1"' in found[0]


def test_nothing_selects_nothing() -> None:
    assert enforce.nothing() == '{__tenantry_never__=~".+",__tenantry_never__!~".+"}'

"""What becomes of a selector in each place: the tables of the rewriting."""

import pytest

from tenantry_promql import LimitExceeded, Limits, Refused, RuleSet, Upstream, parse_rule
from tenantry_promql.contexts import Rewriter
from tenantry_promql.pieces import NOTHING_TEXT
from tenantry_promql.reader import read

OLD = Upstream.strictest()
NEW = Upstream(3, True, False, True, immediate_name_removal=True, info_over_unions=True)
LATE_NAMES = Upstream(3, True, True, True)

ONE = ['{ns="a"}']
TWO = ['{ns="a"}', '{job="b"}']
CROSSED = ['x{ns="a"}', 'y{job="b"}']
COPY = '"__tenantry_name__", "$1", "__name__", "(.*)"'
NAME = '"__name__", "$1", "__tenantry_name__", "(.*)"'
DROP = '"__tenantry_name__", "", "", ""'


def rewrite(
    query: str,
    rules: list[str],
    upstream: Upstream = NEW,
    *,
    limits: Limits | None = None,
) -> tuple[str, ...]:
    permitted = RuleSet(map(parse_rule, rules))
    return Rewriter(permitted, upstream, limits or Limits()).queries(read(query))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("up", 'up{ns="a"}', id="a bare name"),
        pytest.param("up{}", 'up{ns="a"}', id="empty braces"),
        pytest.param('up{job="x"}', 'up{job="x",ns="a"}', id="appended inside the braces"),
        pytest.param('{job="x"}', '{job="x",ns="a"}', id="without a name"),
        pytest.param("up offset 5m @ 10", 'up{ns="a"} offset 5m @ 10', id="modifiers stay behind"),
        pytest.param("rate(up[5m] offset 1m)", 'rate(up{ns="a"}[5m] offset 1m)', id="a range"),
        pytest.param("up[5m]", 'up{ns="a"}[5m]', id="a range at the top"),
        pytest.param("((up[5m]))", '((up{ns="a"}[5m]))', id="in parentheses"),
        pytest.param("sum by (x) (up)", 'sum by (x) (up{ns="a"})', id="aggregation"),
        pytest.param("topk(scalar(n), up)", 'topk(scalar(n{ns="a"}), up{ns="a"})', id="its parameter"),
        pytest.param("a * on (x) group_left (y) b", 'a{ns="a"} * on (x) group_left (y) b{ns="a"}', id="binary operator"),
        pytest.param("-a ^ b > bool 1", '-a{ns="a"} ^ b{ns="a"} > bool 1', id="signs and numbers"),
        pytest.param("max_over_time(rate(up[5m])[1h:1m] offset 1d)", 'max_over_time(rate(up{ns="a"}[5m])[1h:1m] offset 1d)', id="subquery"),
        pytest.param('label_replace(up, "a", "$1", "b", "(.*)")', 'label_replace(up{ns="a"}, "a", "$1", "b", "(.*)")', id="strings are not touched"),
        pytest.param("absent(up)", 'absent(up{ns=~"a"})', id="absent() gets no ="),
        pytest.param("absent_over_time(up[5m])", 'absent_over_time(up{ns=~"a"}[5m])', id="absent_over_time() neither"),
        pytest.param("absent(sum(up))", 'absent(sum(up{ns="a"}))', id="absent() of a value may"),
        pytest.param("absent_over_time(up[5m:])", 'absent_over_time(up{ns="a"}[5m:])', id="and of a subquery"),
        pytest.param("timestamp(up)", 'timestamp(up{ns="a"})', id="timestamp()"),
        pytest.param("time() + vector(1)", "time() + vector(1)", id="nothing to restrict"),
        pytest.param('up{ns="a"}', 'up{ns="a"}', id="already inside"),
        pytest.param('up{ns="b"}', f'up{{ns="b",{NOTHING_TEXT}}}', id="outside"),
        pytest.param('absent(up{ns="b"})', f'absent(up{{ns="b",{NOTHING_TEXT}}})', id="absent() of nothing keeps its labels"),
    ],
)  # fmt: skip
def test_one_rule(query: str, expected: str) -> None:
    assert rewrite(query, ONE) == (expected,)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("up", '(up{job="b"} or up{ns="a"})', id="an instant selector"),
        pytest.param("up offset 5m", '(up{job="b"} offset 5m or up{ns="a"} offset 5m)', id="modifiers are repeated"),
        pytest.param("up[1h:1m] offset 1d", '(up{job="b"} or up{ns="a"})[1h:1m] offset 1d', id="those of a subquery are not"),
        pytest.param("rate(up[5m])", '(rate(up{job="b"}[5m]) or rate(up{ns="a"}[5m]))', id="range functions are repeated"),
        pytest.param("rate((up[5m]))", '(rate((up{job="b"}[5m])) or rate((up{ns="a"}[5m])))', id="with their parentheses"),
        pytest.param("rate(up[5m:])", 'rate((up{job="b"} or up{ns="a"})[5m:])', id="not over a subquery"),
        pytest.param("last_over_time(up[5m])", '(last_over_time(up{job="b"}[5m]) or last_over_time(up{ns="a"}[5m]))', id="last_over_time()"),
        pytest.param("predict_linear(up[5m], 60)", '(predict_linear(up{job="b"}[5m], 60) or predict_linear(up{ns="a"}[5m], 60))', id="other arguments are repeated"),
        pytest.param("quantile_over_time(scalar(n), up[5m])", '(quantile_over_time(scalar((n{job="b"} or n{ns="a"})), up{job="b"}[5m]) or quantile_over_time(scalar((n{job="b"} or n{ns="a"})), up{ns="a"}[5m]))', id="and rewritten"),
        pytest.param("timestamp(up)", '(timestamp(up{job="b"}) or timestamp(up{ns="a"}))', id="timestamp() is repeated"),
        pytest.param("timestamp(-up)", 'timestamp(-(up{job="b"} or up{ns="a"}))', id="not of a value"),
        pytest.param("absent(up)", '(absent(up{job=~"b"}) and absent(up{ns=~"a"}))', id="absent() where all are absent"),
        pytest.param("absent((up))", '(absent((up{job=~"b"})) and absent((up{ns=~"a"})))', id="with its parentheses"),
        pytest.param("abs(up)", 'abs((up{job="b"} or up{ns="a"}))', id="value functions take the union"),
        pytest.param("sum(up) by (x)", 'sum((up{job="b"} or up{ns="a"})) by (x)', id="aggregations too"),
        pytest.param("a * on (x) group_left b", '(a{job="b"} or a{ns="a"}) * on (x) group_left () (b{job="b"} or b{ns="a"})', id="group_left gets its parentheses"),
        pytest.param("-up ^ 2", '-(up{job="b"} or up{ns="a"}) ^ 2', id="a union is one operand"),
        pytest.param("{x=\"1\"}", '({x="1",job="b"} or {x="1",ns="a"})', id="without a name the order does not matter either"),
    ],
)  # fmt: skip
def test_two_rules(query: str, expected: str) -> None:
    assert rewrite(query, TWO) == (expected,)


def test_a_range_at_the_top_becomes_several_queries() -> None:
    assert rewrite("(up[5m] offset 1m)", TWO) == (
        '(up{job="b"}[5m] offset 1m)',
        '(up{ns="a"}[5m] offset 1m)',
    )


def test_the_widest_name_condition_comes_first() -> None:
    assert rewrite('{z="1"}', ['up{ns="a"}', '{job="b"}']) == (
        '({z="1",job="b"} or {z="1",__name__="up",ns="a"})',
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param('{z="1"}', f'label_replace((label_replace({{z="1",__name__="x",ns="a"}}, {COPY}) or label_replace({{z="1",__name__="y",job="b"}}, {COPY})), {DROP})', id="name tags"),
        pytest.param('last_over_time({z="1"}[1m])', f'label_replace((label_replace(last_over_time({{z="1",__name__="x",ns="a"}}[1m]), {COPY}) or label_replace(last_over_time({{z="1",__name__="y",job="b"}}[1m]), {COPY})), {DROP})', id="also around functions that keep the name"),
        pytest.param('absent({z="1"})', '(absent({z="1",__name__=~"x",ns=~"a"}) and absent({z="1",__name__=~"y",job=~"b"}))', id="absent() needs none"),
        pytest.param("x + y", 'x{ns="a"} + y{job="b"}', id="named selectors neither"),
    ],
)  # fmt: skip
def test_incomparable_names(query: str, expected: str) -> None:
    assert rewrite(query, CROSSED) == (expected,)


@pytest.mark.parametrize(
    ("function", "window", "upstream", "expected"),
    [
        pytest.param("rate", "[1m]", NEW, f'(-(-label_replace(label_replace(UNION, {NAME}), {DROP})))', id="two signs report what collides in a range"),
        pytest.param("timestamp", "", NEW, f'(label_replace(label_replace(UNION, {NAME}), {DROP}) * 1)', id="a factor what collides at a step"),
        pytest.param("rate", "[1m]", LATE_NAMES, f"label_replace(UNION, {DROP})", id="nothing does where names are removed late"),
    ],
)  # fmt: skip
def test_functions_that_drop_incomparable_names_are_united_by_name_regions(
    function: str, window: str, upstream: Upstream, expected: str
) -> None:
    union = (
        f'(label_replace({function}({{z="1",__name__="x",ns="a"}}{window}), "__tenantry_name__", "1", "", "")'
        f' or label_replace({function}({{z="1",__name__="y",job="b"}}{window}), "__tenantry_name__", "2", "", ""))'
    )

    assert rewrite(f'{function}({{z="1"}}{window})', CROSSED, upstream) == (
        expected.replace("UNION", union),
    )


@pytest.mark.parametrize("query", ['rate({z="1"}[1m])', 'timestamp({z="1"})'])
def test_they_are_refused_where_it_is_not_known_when_names_are_removed(query: str) -> None:
    with pytest.raises(Refused, match="not known when"):
        rewrite(query, CROSSED, NEW._replace(immediate_name_removal=False))


@pytest.mark.parametrize("query", ['{z="1"}', 'rate({z="1"}[1m])'])
def test_tags_are_refused_where_label_replace_drops_histograms(query: str) -> None:
    with pytest.raises(Refused, match="lose native histograms"):
        rewrite(query, CROSSED, OLD._replace(immediate_name_removal=True))


def test_absent_of_a_value_that_versions_disagree_about_is_refused() -> None:
    assert rewrite('up{ns="é"}', ['{ns=~"(?i)É"}']) == (
        r'up{ns="é",ns=~"(?:\\b|\\B)(?:(?i)É)(?:\\b|\\B)"}',
    )
    with pytest.raises(Refused, match="write the matcher with =~"):
        rewrite('absent(up{ns="é"})', ['{ns=~"(?i)É"}'])


@pytest.mark.parametrize(
    ("rules", "query"),
    [
        pytest.param(["target_info", "up"], "info(up)", id="all of target_info"),
        pytest.param(["target_info", "up"], 'info(up, {version=~".+"})', id="some of its labels"),
        pytest.param(["build_info", "up"], 'info(up, {__name__="build_info"})', id="another info metric"),
        pytest.param([".*_info", "up"], 'info(up, {__name__=~"a_info|b_info"})', id="several of them"),
        pytest.param(['target_info{ns="a"}', "up"], 'info(up, {ns="a"})', id="those that a matcher selects"),
        pytest.param(['{__name__=~".+"}'], "info(up)", id="everything"),
    ],
)  # fmt: skip
def test_info_over_permitted_info_metrics(rules: list[str], query: str) -> None:
    assert rewrite(query, rules) == (query,)


def test_the_first_argument_of_info_is_rewritten() -> None:
    assert rewrite("info(up)", ["target_info", 'up{ns="a"}']) == ('info(up{ns="a"})',)


def test_info_over_a_union_needs_a_server_that_tells_its_parts_apart() -> None:
    rules = ["target_info", 'up{ns="a"}', 'up{job="b"}']

    assert rewrite("info(up)", rules) == ('info((up{job="b"} or up{ns="a"}))',)
    with pytest.raises(Refused, match="has to be split"):
        rewrite("info(rate(up[1m]))", rules, NEW._replace(info_over_unions=False))


@pytest.mark.parametrize(
    ("rules", "query"),
    [
        pytest.param(["up"], "info(up)", id="target_info is not permitted"),
        pytest.param(['target_info{ns="a"}'], "info(up)", id="not all of it"),
        pytest.param(["target_info"], 'info(up, {__name__="build_info"})', id="another one"),
        pytest.param(['target_info{ns!="b"}'], 'info(up, {ns!="b"})', id="a matcher that accepts a missing label selects nothing"),
        pytest.param(["a_info"], 'info(up, {__name__="a_info",__name__="b_info"})', id="two names: which one counts depends on the version"),
    ],
)  # fmt: skip
def test_info_over_anything_else_is_refused(rules: list[str], query: str) -> None:
    with pytest.raises(Refused, match=r"^info\(\) is refused"):
        rewrite(query, rules)


def test_parameters_that_multiply_are_stopped() -> None:
    query = "1"
    for number in range(40):
        query = f"quantile_over_time(scalar({query if number else 'a'}), a{number}[5m])"

    with pytest.raises(LimitExceeded, match="the limit output_bytes"):
        rewrite(query, ['{a="1"}', '{b="1"}', '{c="1"}'])


def test_too_many_name_regions_are_stopped() -> None:
    rules = [f'{{__name__=~"[a]{number}.*",x{number}="1"}}' for number in range(12)]

    with pytest.raises(LimitExceeded, match="the limit pieces"):
        rewrite('rate({z="1"}[1m])', rules)

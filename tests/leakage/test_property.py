"""No selector leaves without its rules, whatever the query and whatever the rules.

Queries and rules are drawn from the grammar of the oracle, and from the templates of the library's
own tests. Everything that would be sent is judged by evaluating its matchers on label sets; the
library is asked nothing but to read what it wrote.
"""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.leakage.estate import TALLY
from tests.oracle.promql import rulesets, universe
from tests.oracle.promql.grammar import Grammar
from tests.oracle.promql.permitted import Rule, is_permitted
from tests.unit.promql.strategies import CROSSED_RULES, QUERIES, RULES

import tenantry_promql as promql
from query_gateway import parameters, read_request
from query_gateway.calls import Call
from query_gateway.endpoints import ENDPOINTS, Endpoint
from query_gateway.failures import Failure
from query_gateway.parameters import Arguments
from tenantry_common import snappy_block
from tenantry_common.proto import remote_pb2
from tenantry_promql import Matcher
from tenantry_promql.containment import reads
from tenantry_promql.reader import read

_STORED = [
    dict(one.labels)
    for one in universe.build(
        universe.Abilities(native_histograms=True, custom_buckets=True, utf8_names=False)
    )
]
_SMALL = [
    {"__name__": name, "job": job, "ns": space}
    for name in ("a", "ab", "b", "c", "ba")
    for job in ("x", "y", "")
    for space in ("p", "q", "")
]
_UPSTREAMS = (
    promql.Upstream.strictest(),
    promql.Upstream(
        major=3,
        label_replace_keeps_histograms=True,
        delayed_name_removal=True,
        experimental_functions=True,
    ),
)
_FEATURES = (
    "promql-experimental-functions",
    "promql-duration-expr",
    "promql-extended-range-selectors",
    "promql-binop-fill-modifiers",
)
_RESTRICTED = tuple(
    endpoint
    for endpoint in ENDPOINTS
    if endpoint.upstream and (endpoint.takes_query or endpoint.selectors != "none")
)
_LIMITS = promql.Limits(query_bytes=1 << 20, depth=1000)
_SETTINGS = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def judge(call: Call, rules: list[Rule], labels: list[dict[str, str]]) -> None:
    """Fail if something that is sent accepts a label set that the rules do not."""
    selected = False
    for name, value in call.form:
        if name == "match[]":
            found = [promql.parse_selector(value)]
        elif name == "query":
            found = list(reads(read(value, _LIMITS)))
        else:
            continue
        selected = True
        for selector in found:
            _judge(selector, rules, labels, value)
    assert selected, call


def _judge(selector: Rule, rules: list[Rule], label_sets: list[dict[str, str]], text: str) -> None:
    for labels in label_sets:
        if is_permitted(labels, [selector]) and not is_permitted(labels, rules):
            TALLY.leaks.append(f"{text} accepts {labels}")
            raise AssertionError(f"{promql.format_selector(selector)} of {text} accepts {labels}")


def send(
    endpoint: Endpoint, query: str, rules: list[Rule], upstream: promql.Upstream
) -> tuple[Call, ...]:
    """Return what an endpoint would send, nothing for what it refuses."""
    TALLY.cases += 1
    arguments = Arguments(single={"query": query}, selectors=(query,), label="job")
    try:
        return parameters.calls(
            endpoint,
            arguments,
            promql.RuleSet(rules),
            upstream,
            promql.Limits(),
            now=1.0,
            timeout=1.0,
        )
    except Failure:
        return ()


@pytest.mark.timeout(300)
@_SETTINGS
@given(
    query=QUERIES,
    rules=st.one_of(RULES, CROSSED_RULES),
    upstream=st.sampled_from(_UPSTREAMS),
)
def test_no_selector_leaves_without_its_rules(
    query: str, rules: list[list[Matcher]], upstream: promql.Upstream
) -> None:
    as_tuples = [tuple(rule) for rule in rules]
    for endpoint in _RESTRICTED:
        for call in send(endpoint, query, as_tuples, upstream):
            judge(call, as_tuples, _SMALL)


@pytest.mark.timeout(300)
@_SETTINGS
@given(seed=st.integers(0, 1 << 64), upstream=st.sampled_from(_UPSTREAMS))
def test_no_selector_of_the_whole_grammar_leaves_without_its_rules(
    seed: int, upstream: promql.Upstream
) -> None:
    rng = Random(seed)  # noqa: S311 - a test
    query = Grammar(rng, _STORED, _FEATURES if upstream.major == 3 else ()).query()
    drawn = rulesets.draw(rng, _STORED)
    label_sets = rng.sample(_STORED, 120)
    for endpoint in _RESTRICTED:
        for call in send(endpoint, query, list(drawn.rules), upstream):
            judge(call, list(drawn.rules), label_sets)


_OPS = ("=", "!=", "=~", "!~")


@_SETTINGS
@given(rules=st.one_of(RULES, CROSSED_RULES), query=st.lists(RULES, max_size=3))
def test_no_remote_read_leaves_without_its_rules(
    rules: list[list[Matcher]], query: list[list[list[Matcher]]]
) -> None:
    TALLY.cases += 1
    message = remote_pb2.ReadRequest()
    for alternatives in query:
        one = message.queries.add()
        for label, op, value in alternatives[0]:
            one.matchers.add(type=_OPS.index(op), name=label, value=value)
    as_tuples = [tuple(rule) for rule in rules]
    try:
        plan = read_request.plan(
            snappy_block.compress(message.SerializeToString()),
            promql.RuleSet(as_tuples),
            promql.Limits(),
            most=1 << 20,
        )
    except Failure:
        return
    for call in plan.calls:
        sent = remote_pb2.ReadRequest.FromString(
            snappy_block.decompress(call.message, limit=1 << 20)
        )
        assert len(sent.queries) == len(message.queries)
        for part in sent.queries:
            # Without what a server may ignore because of its external labels.
            relied_on = tuple(
                Matcher(it.name, _OPS[it.type], it.value)  # type: ignore[arg-type]  # one of these
                for it in part.matchers
                if it.type != 0 or (it.name == "__name__" and it.value)
            )
            _judge(relied_on, as_tuples, _SMALL, str(part))

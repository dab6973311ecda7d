"""The rewriting against an evaluator: eval(rewrite(q), all series) == eval(q, permitted series).

The second half breaks one precaution of the rewriting at a time and requires that the evaluator
notices: a test that cannot fail proves nothing.
"""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from tests.unit.promql.mini_oracle import Series, answer, permitted
from tests.unit.promql.strategies import (
    CROSSED_RULES,
    QUERIES,
    RULES,
    STEPS,
    nameless,
    selectors,
    universes,
)

from tenantry_promql import Limits, Matcher, Refused, RuleSet, Upstream, contexts, pieces
from tenantry_promql.contexts import Rewriter
from tenantry_promql.functions import Reading
from tenantry_promql.normalform import Rule
from tenantry_promql.pieces import injected_text
from tenantry_promql.reader import read
from tenantry_promql.syntax import Aggregation, Call, Chain, Node, Selector, join_chain, to_text
from tenantry_promql.unions import or_tree

MODERN = Upstream(
    major=3,
    label_replace_keeps_histograms=True,
    delayed_name_removal=False,
    experimental_functions=True,
)
NOW = STEPS - 1
_CHECKS = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]

type Case = tuple[list[Series], list[list[Matcher]], str]


def rewritten(query: str, rules: Sequence[Sequence[Matcher]], *, strict: bool) -> tuple[str, ...]:
    return Rewriter(RuleSet(rules), MODERN, Limits(), strict=strict).queries(read(query))


def disagreement(case: Case, *, strict: bool = True) -> str | None:
    """Compare both ways; None when they agree or the query is refused."""
    series, rules, query = case
    try:
        queries = rewritten(query, rules, strict=strict)
    except Refused:
        return None
    wanted, got = answer([query], permitted(series, rules), NOW), answer(queries, series, NOW)
    if wanted == got:
        return None
    return f"{query} under {rules}\nsent {queries}\nwanted {wanted}\ngot {got}"


@settings(max_examples=800, deadline=None, derandomize=True, suppress_health_check=_CHECKS)
@given(st.tuples(universes(), RULES, QUERIES))
def test_the_rewritten_query_answers_as_on_the_permitted_series(case: Case) -> None:
    assert disagreement(case) is None


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=_CHECKS)
@given(st.tuples(universes(), RULES, QUERIES))
def test_name_regions_are_exact_at_one_instant(case: Case) -> None:
    # Over time they are not: series that take turns collide for Prometheus, but merge without names.
    assert disagreement(case, strict=False) is None


# --- faults


def _equal_in_absent(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(contexts, "absent_text", injected_text)


def _absent_of_a_union(patch: pytest.MonkeyPatch) -> None:
    def absent(self: Rewriter, selector: Selector, _: object, copy: Callable[[str], str]) -> str:
        return copy(self.render(selector))

    patch.setattr(Rewriter, "_absent", absent)


def _or_between_absents(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(contexts, "and_chain", or_tree)


def _timestamp_of_a_union(patch: pytest.MonkeyPatch) -> None:
    original = Rewriter._call

    def call(self: Rewriter, node: Call) -> str:
        if node.function.reading is Reading.TIMESTAMP:
            return node.text([self.render(argument) for argument in node.arguments])
        return original(self, node)

    patch.setattr(Rewriter, "_call", call)


def _no_name_tags(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(contexts, "tagged_union", or_tree)


def _any_order(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pieces, "_in_order", lambda residuals: tuple(reversed(residuals)))


def _no_regions(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(contexts, "region_union", or_tree)


def _a_region_per_rule(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(contexts, "name_regions", lambda rules, _: [[rule] for rule in rules])


def _no_restriction_of_parameters(patch: pytest.MonkeyPatch) -> None:
    def aggregation(self: Rewriter, node: Node) -> str:
        if isinstance(node, Aggregation) and len(node.arguments) == 2:
            parameter, vector = node.arguments
            return node.text([to_text(parameter), self.render(vector)])
        return original(self, node)

    original = Rewriter.render
    patch.setattr(Rewriter, "render", aggregation)


def _nothing_drops_the_operand(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("tenantry_promql.splitter.NOTHING_TEXT", "")


def _only_the_first_piece(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(contexts, "or_tree", lambda texts: texts[0])


def _bare_group_left(patch: pytest.MonkeyPatch) -> None:
    def join(chain: Chain, operands: Sequence[str]) -> str:
        return join_chain(chain, operands).replace("group_left ()", "group_left")

    patch.setattr(contexts, "join_chain", join)


def _implication_of_some_labels(patch: pytest.MonkeyPatch) -> None:
    def some(a: Rule, b: Rule) -> bool:
        return any(label in dict(a) for label, _ in b)

    patch.setattr("tenantry_promql.simplify.rule_implies", some)


_ABSENT = st.builds(lambda s: f"absent({s})", selectors())
_ABSENT_OVER_TIME = st.builds(lambda s: f"absent_over_time({s})", selectors("[1]"))
_TIMESTAMP = st.builds(lambda s: f"timestamp({s})", selectors())
_PLAIN = selectors()
_NAMELESS = nameless()
_RANGE = st.builds(lambda s: f"sum_over_time({s})", nameless("[3]"))
_PARAMETER = st.builds(lambda s: f"quantile(scalar({s}), a)", selectors())
_GROUP_LEFT = st.builds(lambda a, b: f"{a} * on (job) group_left {b}", selectors(), selectors())

FAULTS = [
    pytest.param(_equal_in_absent, _ABSENT, id="= becomes a label of absent()"),
    pytest.param(_absent_of_a_union, _ABSENT, id="absent() of a union has no labels"),
    pytest.param(_or_between_absents, _ABSENT_OVER_TIME, id="one piece absent is not all absent"),
    pytest.param(
        _timestamp_of_a_union, _TIMESTAMP, id="timestamp() of a union is the time of evaluation"
    ),
    pytest.param(_no_name_tags, _NAMELESS, id="or hides series that differ in the name only"),
    pytest.param(_any_order, _NAMELESS, id="the widest name condition has to come first"),
    pytest.param(_no_regions, _RANGE, id="or hides what names would have kept apart"),
    pytest.param(_a_region_per_rule, _RANGE, id="a series in two rules appears once"),
    pytest.param(_no_restriction_of_parameters, _PARAMETER, id="parameters read data"),
    pytest.param(_nothing_drops_the_operand, _PLAIN, id="no permitted series means no series"),
    pytest.param(_only_the_first_piece, _PLAIN, id="every piece counts"),
    pytest.param(
        _bare_group_left, _GROUP_LEFT, id="a union after group_left is not its label list"
    ),
    pytest.param(_implication_of_some_labels, _PLAIN, id="a rule implies another on all labels"),
]


@pytest.mark.parametrize(("inject", "queries"), FAULTS)
def test_the_evaluator_notices_a_missing_precaution(
    inject: Callable[[pytest.MonkeyPatch], None],
    queries: st.SearchStrategy[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inject(monkeypatch)

    case = find(
        st.tuples(universes(), CROSSED_RULES, queries),
        lambda case: disagreement(case, strict=False) is not None,
        settings=settings(
            max_examples=20_000,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )

    monkeypatch.undo()
    assert disagreement(case, strict=False) is None

"""The rewriting against an evaluator: eval(rewrite(q), all series) == eval(q, permitted series).

The second half breaks one precaution of the rewriting at a time and requires that the evaluator
notices: a test that cannot fail proves nothing.
"""

from collections.abc import Callable, Sequence
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from tests.unit.promql.mini_oracle import Series, answer, permitted
from tests.unit.promql.strategies import (
    CROSSED_RULES,
    NAMELESS,
    QUERIES,
    RULES,
    STEPS,
    nameless,
    selectors,
    universes,
)

from tenantry_promql import Limits, Matcher, RuleSet, Upstream, contexts, pieces
from tenantry_promql.contexts import Rewriter
from tenantry_promql.functions import Reading
from tenantry_promql.normalform import Rule
from tenantry_promql.pieces import injected_text
from tenantry_promql.reader import read
from tenantry_promql.syntax import (
    Aggregation,
    Call,
    Chain,
    Node,
    Selector,
    join_chain,
    to_text,
    without_parens,
)
from tenantry_promql.unions import colliding_union, or_tree, region_union

MODERN = Upstream(
    major=3,
    label_replace_keeps_histograms=True,
    delayed_name_removal=False,
    experimental_functions=True,
    immediate_name_removal=True,
    info_over_unions=True,
)
_CHECKS = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]

type Case = tuple[list[Series], list[list[Matcher]], str]


def disagreement(case: Case) -> str | None:
    """Compare at the last step, and over the range of all; None where both agree."""
    series, rules, query = case
    tree = read(query)
    queries = Rewriter(RuleSet(rules), MODERN, Limits()).queries(tree)
    of_instants = isinstance(without_parens(tree), Selector) and "[" in query
    for steps in (range(STEPS - 1, STEPS), *(() if of_instants else (range(STEPS),))):
        wanted, got = (
            answer([query], permitted(series, rules), steps),
            answer(queries, series, steps),
        )
        if wanted != got:
            return f"{query} under {rules}\nsent {queries}\nwanted {wanted}\ngot {got}"
    return None


@settings(max_examples=800, deadline=None, derandomize=True, suppress_health_check=_CHECKS)
@given(st.tuples(universes(), RULES, QUERIES))
def test_the_rewritten_query_answers_as_on_the_permitted_series(case: Case) -> None:
    assert disagreement(case) is None


_NAMELESS_CALLS = st.builds(
    lambda call, width: f"{call}[{width}])" if call.startswith("sum") else f"{call})",
    st.sampled_from(
        [f"{call}({body}" for call in ("sum_over_time", "timestamp") for body in NAMELESS]
    ),
    st.sampled_from((1, 3)),
)


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=_CHECKS)
@given(st.tuples(universes(), CROSSED_RULES, _NAMELESS_CALLS))
def test_functions_that_drop_incomparable_names_collide_as_on_the_permitted_series(
    case: Case,
) -> None:
    assert disagreement(case) is None


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
    patch.setattr(contexts, "colliding_union", lambda texts, **_: or_tree(texts))


def _regions_that_merge(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(contexts, "colliding_union", lambda texts, **_: region_union(texts))


def _collisions_at_each_step(patch: pytest.MonkeyPatch) -> None:
    collide = partial(colliding_union, at_each_step=True)
    patch.setattr(contexts, "colliding_union", lambda texts, **_: collide(texts))


def _collisions_over_the_range(patch: pytest.MonkeyPatch) -> None:
    collide = partial(colliding_union, at_each_step=False)
    patch.setattr(contexts, "colliding_union", lambda texts, **_: collide(texts))


def _a_single_sign(patch: pytest.MonkeyPatch) -> None:
    def collide(texts: Sequence[str], *, at_each_step: bool) -> str:
        return colliding_union(texts, at_each_step=at_each_step).replace("(-(-", "((-")

    patch.setattr(contexts, "colliding_union", collide)


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
_NARROW = st.builds(lambda s: f"sum_over_time({s})", nameless("[1]"))
_TIMES = st.builds(lambda s: f"timestamp({s})", nameless())
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
    pytest.param(_regions_that_merge, _NARROW, id="series that take turns collide in a range"),
    pytest.param(_collisions_at_each_step, _NARROW, id="a factor does not see that they do"),
    pytest.param(_collisions_over_the_range, _TIMES, id="but timestamp() joins them"),
    pytest.param(_a_single_sign, _RANGE, id="one sign changes the numbers"),
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
        lambda case: disagreement(case) is not None,
        settings=settings(
            max_examples=20_000,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )

    monkeypatch.undo()
    assert disagreement(case) is None

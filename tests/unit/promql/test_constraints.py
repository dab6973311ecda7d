"""The algebra of one label, by brute force over a small set of values."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.promql.algebra import CONSTRAINTS, MATCHERS, VALUES, values_of

from tenantry_promql.constraints import (
    ANY,
    NOTHING,
    Cof,
    Constraint,
    Fin,
    accepts,
    cautious_conjunction,
    complement,
    conjunction,
    disjoint,
    from_matcher,
    implies,
    remainder,
    to_matchers,
    union,
    verdict,
)
from tenantry_promql.regexes import holds
from tenantry_promql.syntax import MatchOp


def fin(*values: str) -> Fin:
    return Fin(frozenset(values))


def cof(excluded: str = "", positive: str = "", negative: str = "") -> Cof:
    def split(text: str) -> frozenset[str]:
        return frozenset(filter(None, text.split()))

    return Cof(split(excluded), split(positive), split(negative))


@pytest.mark.parametrize(
    ("op", "value", "expected"),
    [
        pytest.param("=", "a", fin("a"), id="one value"),
        pytest.param("=", "", fin(""), id="a missing label has the value of the empty string"),
        pytest.param("!=", "a", cof("a"), id="all but one"),
        pytest.param("=~", "a|b", fin("a", "b"), id="an alternation of literals is a set"),
        pytest.param("!~", "a|b", cof("a b"), id="and excludes one"),
        pytest.param("=~", ".*", ANY, id=".* says nothing"),
        pytest.param("!~", ".*", NOTHING, id="not .* leaves nothing"),
        pytest.param("=~", ".+", Cof(excluded=frozenset(("",))), id=".+ is not empty"),
        pytest.param("!~", ".+", fin(""), id="not .+ is empty"),
        pytest.param("=~", "a.*", cof(positive="a.*"), id="an expression"),
        pytest.param("!~", "a.*", cof(negative="a.*"), id="a negated expression"),
    ],
)
def test_from_matcher(op: MatchOp, value: str, expected: Constraint) -> None:
    assert from_matcher(op, value) == expected


@given(MATCHERS, st.sampled_from(VALUES))
def test_a_constraint_accepts_what_its_matcher_does(matcher, value) -> None:  # type: ignore[no-untyped-def]
    assert accepts(from_matcher(matcher.op, matcher.value), value) == holds(
        matcher.op, matcher.value, value
    )


@given(CONSTRAINTS, st.sampled_from(VALUES))
def test_printed_matchers_accept_the_same(constraint: Constraint, value: str) -> None:
    if constraint != NOTHING:
        printed = to_matchers("job", constraint)

        assert all(holds(m.op, m.value, value) for m in printed) == accepts(constraint, value)


@given(CONSTRAINTS, st.sampled_from(VALUES))
def test_a_verdict_is_never_wrong(constraint: Constraint, value: str) -> None:
    assert verdict(constraint, value) in (None, accepts(constraint, value))


@settings(max_examples=400)
@given(CONSTRAINTS, CONSTRAINTS)
def test_decisions_are_sound_and_operations_exact(a: Constraint, b: Constraint) -> None:
    in_a, in_b = values_of(a), values_of(b)

    assert values_of(conjunction(a, b)) == in_a & in_b
    assert values_of(cautious_conjunction(a, b)) >= in_a & in_b
    assert not implies(a, b) or in_a <= in_b
    assert not disjoint(a, b) or not in_a & in_b
    if isinstance(b, Cof):
        assert in_a & values_of(remainder(a, b)) == in_a & in_b


@given(st.lists(CONSTRAINTS, min_size=1, max_size=5))
def test_a_union_holds_the_values_of_its_parts(parts: list[Constraint]) -> None:
    merged = union(parts)

    assert set().union(*map(values_of, merged)) == set().union(*map(values_of, parts))
    assert len(merged) <= len(set(parts))


@given(CONSTRAINTS)
def test_a_complement_partitions_the_rest(constraint: Constraint) -> None:
    parts = [values_of(part) for part in complement(constraint)]

    assert set().union(*parts) == set(VALUES) - values_of(constraint)
    assert sum(map(len, parts)) == len(set().union(*parts))


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        pytest.param(fin("a"), fin("a", "b"), True, id="subset"),
        pytest.param(fin("a", "b"), fin("a"), False, id="superset"),
        pytest.param(fin("ab"), cof(positive="a.*"), True, id="all values match"),
        pytest.param(fin("ab", "b"), cof(positive="a.*"), False, id="one does not"),
        pytest.param(fin("a"), cof("b"), True, id="a value is not an excluded one"),
        pytest.param(cof("a b"), cof("a"), True, id="more excluded"),
        pytest.param(cof(positive="ab.*"), cof(positive="a.*"), True, id="longer literal prefix"),
        pytest.param(cof(positive="ab.*"), cof(positive="a.+"), True, id="longer prefix implies plus"),
        pytest.param(cof(positive="a.+"), cof(positive="a.*"), True, id="plus implies star"),
        pytest.param(cof(positive="a.*"), cof(positive="a.+"), False, id="star does not imply plus"),
        pytest.param(cof(positive="a.*"), cof("b"), True, id="an expression rejects an excluded value"),
        pytest.param(cof(positive="a.*"), cof(negative="b.*"), True, id="disjoint prefixes"),
        pytest.param(cof(negative="a.*"), cof("ab"), True, id="a negated expression excludes its values"),
        pytest.param(cof(negative="a.*"), cof(negative="ab.*"), True, id="negation turns it round"),
        pytest.param(cof(), fin("a"), False, id="all values are more than some"),
        pytest.param(fin("é"), cof(positive="(?i)É"), False, id="what versions disagree about is not known"),
    ],
)  # fmt: skip
def test_implies(a: Constraint, b: Constraint, expected: bool) -> None:
    assert implies(a, b) is expected


@pytest.mark.parametrize(
    ("a", "b"),
    [
        pytest.param(fin("a"), fin("b"), id="different values"),
        pytest.param(fin("a"), cof(positive="b.*"), id="a value that does not match"),
        pytest.param(cof(positive="[a].*"), cof(negative="[a].*"), id="an expression and its negation"),
        pytest.param(cof(positive="ab.*"), cof(negative="a.*"), id="or a wider one negated"),
        pytest.param(cof(positive="a.*"), cof(positive="b.*"), id="different prefixes"),
    ],
)  # fmt: skip
def test_contradictions_are_seen(a: Constraint, b: Constraint) -> None:
    assert (conjunction(a, b), conjunction(b, a)) == (NOTHING, NOTHING)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        pytest.param(fin("a"), fin("b"), True, id="different values"),
        pytest.param(fin("a", "b"), fin("b"), False, id="a common value"),
        pytest.param(fin("b"), cof(positive="a.*"), True, id="no value matches"),
        pytest.param(cof(positive="a.*"), cof(positive="b.*"), True, id="different prefixes"),
        pytest.param(cof(positive="a.*"), cof(positive="ab.*"), False, id="one prefix inside the other"),
        pytest.param(cof(positive="[a].*"), cof(negative="[a].*"), True, id="an expression and its negation"),
        pytest.param(cof("a"), cof("b"), False, id="all but one and all but another"),
    ],
)  # fmt: skip
def test_disjoint_is_symmetric(a: Constraint, b: Constraint, expected: bool) -> None:
    assert (disjoint(a, b), disjoint(b, a)) == (expected, expected)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param([fin("a"), fin("b")], [fin("a", "b")], id="sets"),
        pytest.param([fin("a"), cof("a b")], [cof("b")], id="a set fills the gap of the others"),
        pytest.param([cof("a b"), cof("b c")], [cof("b")], id="only what both exclude"),
        pytest.param([cof("a"), cof("b")], [ANY], id="nothing left to exclude"),
        pytest.param([cof(positive="a.*"), cof(positive="b.*")], [cof(positive="(?:a.*)|(?:b.*)")], id="expressions"),
        pytest.param([fin("x.y"), cof(positive="a.*")], [cof(positive="(?:a.*)|(?:x\\.y)")], id="a quoted value beside an expression"),
        pytest.param([fin("ab"), cof(positive="a.*")], [cof(positive="a.*")], id="a value that matches anyway"),
        pytest.param([cof(positive="(?i)a"), cof(positive="b")], [cof(positive="(?:(?i)a)|(?:b)")], id="flags stay in their group"),
        pytest.param([cof(negative="a.*"), cof(negative="b.*")], [cof(negative="a.*"), cof(negative="b.*")], id="negations do not merge"),
        pytest.param([cof(positive="a b"), cof(positive="c")], [cof(positive="c"), cof(positive="a b")], id="two expressions at once do not merge"),
    ],
)  # fmt: skip
def test_union(parts: list[Constraint], expected: list[Constraint]) -> None:
    assert union(parts) == expected

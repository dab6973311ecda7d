"""The limits of one query, and the selectors that cannot be sent."""

import pytest

from tenantry_promql import LimitExceeded, Limits, Refused, RuleSet, Upstream, parse_selector
from tenantry_promql.pieces import NOTHING_TEXT
from tenantry_promql.reader import read_selector
from tenantry_promql.splitter import Splitter

OLD = Upstream.strictest()
NEW = Upstream(3, True, False, True, immediate_name_removal=True, info_over_unions=True)


def splitter(*rules: str, upstream: Upstream = NEW, limits: Limits | None = None) -> Splitter:
    return Splitter(RuleSet(map(parse_selector, rules)), upstream, limits or Limits())


def test_only_a_restriction_is_one() -> None:
    splitting = splitter('{ns="a"}')

    splitting.split(read_selector('up{ns="a"}'))
    assert not splitting.restricted
    splitting.split(read_selector("up"))
    assert splitting.restricted


def test_texts_are_one_per_piece_or_a_selector_of_nothing() -> None:
    selector = read_selector('up{a="b"}')

    assert splitter().texts(selector, ['x="1"', 'y="2"']) == ['up{a="b",x="1"}', 'up{a="b",y="2"}']
    assert splitter().texts(selector, []) == [f'up{{a="b",{NOTHING_TEXT}}}']


def test_the_number_of_pieces_is_limited() -> None:
    splitting = splitter('{a="1"}', '{b="1"}', '{c="1"}', limits=Limits(pieces=2))

    with pytest.raises(LimitExceeded, match="the limit pieces is 2"):
        splitting.split(read_selector("up"))
    assert len(splitting.split(read_selector('up{a="2"}')).rules) == 2


def test_the_effort_of_all_selectors_is_limited() -> None:
    splitting = splitter('{a="1"}', '{b="1"}', limits=Limits(comparisons=4))

    splitting.split(read_selector("x"))
    splitting.split(read_selector("y"))
    with pytest.raises(LimitExceeded, match="the limit comparisons is 4"):
        splitting.split(read_selector("z"))


def test_the_text_of_all_selectors_is_limited() -> None:
    splitting = splitter(limits=Limits(output_bytes=20))

    splitting.texts(read_selector("up"), ['a="1"'])
    with pytest.raises(LimitExceeded, match="the limit output_bytes is 20"):
        splitting.texts(read_selector("up"), ['a="1"', 'a="2"'])


def test_the_size_of_a_query_is_counted_in_bytes() -> None:
    splitting = splitter(limits=Limits(output_bytes=3))

    assert splitting.whole("abc") == "abc"
    with pytest.raises(LimitExceeded):
        splitting.whole("éé")
    with pytest.raises(LimitExceeded):
        splitting.checked(["ab", "cd"])


def test_a_label_that_the_upstream_cannot_read_is_refused() -> None:
    rule, selector = '{"k8s.ns"="a"}', read_selector("up")

    assert splitter(rule, upstream=NEW).split(selector).injected == ('"k8s.ns"="a"',)
    with pytest.raises(Refused, match="cannot read such names"):
        splitter(rule, upstream=OLD).split(selector)


def test_a_bare_name_never_gets_a_second_condition() -> None:
    # The long s folds to s, if the tables of that version say so.
    rule = '{__name__=~"(?i)\u017fum"}'

    with pytest.raises(Refused, match="may disagree"):
        splitter(rule).split(read_selector("sum"))
    assert splitter(rule).split(read_selector('{__name__="sum"}')).injected == (
        '__name__=~"(?:\\\\b|\\\\B)(?:(?i)\u017fum)(?:\\\\b|\\\\B)"',
    )

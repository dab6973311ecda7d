"""The tree and its printed form."""

import pytest

from tenantry_promql.reader import read
from tenantry_promql.syntax import (
    Chain,
    Matcher,
    Paren,
    Selector,
    children,
    join_chain,
    selectors,
    to_text,
    without_parens,
)


def test_a_selector_prints_with_more_matchers() -> None:
    bare, braced = read("up offset 5m"), read('up{a="b"}[5m]')

    assert isinstance(bare, Selector)
    assert isinstance(braced, Selector)
    assert (bare.text(), bare.text('x="1"')) == ("up offset 5m", 'up{x="1"} offset 5m')
    assert (braced.text(), braced.text('x="1"')) == ('up{a="b"}[5m]', 'up{a="b",x="1"}[5m]')


def test_a_selector_knows_its_place_and_its_matchers() -> None:
    tree = read('sum(up{a="b"} offset 5m)')
    (selector,) = selectors(tree)

    assert (selector.start, selector.end) == (2, 9)
    assert selector.matchers == (Matcher("a", "=", "b"), Matcher("__name__", "=", "up"))


def test_selectors_are_found_everywhere_in_order() -> None:
    query = "topk(scalar(a), b) + on (x) -c / quantile_over_time(scalar(d), (e[5m])) and max_over_time((f)[5m:])"

    assert [selector.name for selector in selectors(read(query))] == ["a", "b", "c", "d", "e", "f"]


def test_what_info_adds_is_not_selected() -> None:
    assert [s.text() for s in selectors(read('info(a, {b="c"})'))] == ["a"]


def test_without_parens() -> None:
    tree = read("((up))")

    assert isinstance(tree, Paren)
    assert isinstance(without_parens(tree), Selector)


def test_children_of_a_chain_are_its_operands() -> None:
    tree = read("-a + b")

    assert isinstance(tree, Chain)
    assert list(map(to_text, children(tree))) == ["a", "b"]
    assert join_chain(tree, ["(x or y)", "z"]) == "-(x or y) + z"


@pytest.mark.parametrize("query", ["1", '"a"', "sum by (a) (b)", "sum(b) by (a)", "sum(b)", "rate(a[5m])", "(a)", "a[5m:] offset 1m"])  # fmt: skip
def test_to_text(query: str) -> None:
    assert to_text(read(query)) == query

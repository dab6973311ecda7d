"""Texts of unions."""

import pytest

from tenantry_promql.unions import (
    and_chain,
    colliding_union,
    or_tree,
    region_union,
    tagged_union,
)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param("a", "a", id="one stands alone"),
        pytest.param("ab", "(a or b)", id="two"),
        pytest.param("abc", "(a or (b or c))", id="three"),
        pytest.param("abcd", "((a or b) or (c or d))", id="balanced"),
    ],
)
def test_or_tree(texts: str, expected: str) -> None:
    assert or_tree(list(texts)) == expected


def test_and_chain() -> None:
    assert and_chain(["a"]) == "a"
    assert and_chain(["a", "b", "c"]) == "(a and b and c)"


def test_tagged_union_copies_the_name_and_drops_the_copy() -> None:
    copy = '"__tenantry_name__", "$1", "__name__", "(.*)"'

    assert tagged_union(["a", "b"]) == (
        f"label_replace((label_replace(a, {copy}) or label_replace(b, {copy})),"
        ' "__tenantry_name__", "", "", "")'
    )


def test_region_union_gives_each_region_a_constant_tag() -> None:
    assert region_union(["a"]) == "a"
    assert region_union(["a", "b"]) == (
        'label_replace((label_replace(a, "__tenantry_name__", "1", "", "")'
        ' or label_replace(b, "__tenantry_name__", "2", "", "")), "__tenantry_name__", "", "", "")'
    )


NAMED = (
    'label_replace(label_replace((label_replace(a, "__tenantry_name__", "1", "", "")'
    ' or label_replace(b, "__tenantry_name__", "2", "", "")),'
    ' "__name__", "$1", "__tenantry_name__", "(.*)"), "__tenantry_name__", "", "", "")'
)


@pytest.mark.parametrize(
    ("at_each_step", "expected"),
    [
        pytest.param(False, f"(-(-{NAMED}))", id="two signs look at the whole range"),
        pytest.param(True, f"({NAMED} * 1)", id="a factor at each step"),
    ],
)
def test_colliding_union_makes_names_of_the_tags_and_drops_them(
    at_each_step: bool, expected: str
) -> None:
    assert colliding_union(["a"], at_each_step=at_each_step) == "a"
    assert colliding_union(["a", "b"], at_each_step=at_each_step) == expected

"""Ranges, offsets, times, and what may not be combined."""

import pytest

from tenantry_promql.errors import ParseError
from tenantry_promql.reader import read
from tenantry_promql.syntax import Selector, Subquery


@pytest.mark.parametrize(
    ("query", "modifiers", "is_range"),
    [
        pytest.param("a", "", False, id="none"),
        pytest.param("a[5m]", "[5m]", True, id="range"),
        pytest.param("a offset 5m", " offset 5m", False, id="offset"),
        pytest.param("a OFFSET -5m", " offset - 5m", False, id="keywords ignore case"),
        pytest.param("a @ 1.5", " @ 1.5", False, id="a time"),
        pytest.param("a @ -1", " @ -1", False, id="a negative time"),
        pytest.param("a @ 5m", " @ 5m", False, id="a duration as time"),
        pytest.param("a @ START()", " @ start()", False, id="the start"),
        pytest.param("a[5m] offset 1m @ end()", "[5m] offset 1m @ end()", True, id="all of them, in their order"),
        pytest.param("a[5m] @ end() offset 1m", "[5m] @ end() offset 1m", True, id="whatever the order"),
        pytest.param("a @ end() [5m]", " @ end()[5m]", True, id="start() and end() before the range"),
        pytest.param("a[5m] anchored", "[5m] anchored", True, id="anchored"),
        pytest.param("a smoothed offset 1m", " smoothed offset 1m", False, id="smoothed"),
    ],
)  # fmt: skip
def test_of_a_selector(query: str, modifiers: str, is_range: bool) -> None:
    tree = read(query)

    assert isinstance(tree, Selector)
    assert (tree.modifiers, tree.is_range) == (modifiers, is_range)


@pytest.mark.parametrize(
    ("query", "suffix", "inner"),
    [
        pytest.param("a[5m:1m]", "[5m:1m]", "", id="subquery"),
        pytest.param("a[5m:]", "[5m:]", "", id="without step"),
        pytest.param("a offset 1h [5m:1m] offset 2h", "[5m:1m] offset 2h", " offset 1h", id="modifiers before the bracket are the selector's"),
        pytest.param("a[5m:1m] @ end()", "[5m:1m] @ end()", "", id="a time"),
    ],
)  # fmt: skip
def test_of_a_subquery(query: str, suffix: str, inner: str) -> None:
    tree = read(query)

    assert isinstance(tree, Subquery)
    assert isinstance(tree.inner, Selector)
    assert (tree.suffix, tree.inner.modifiers) == (suffix, inner)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        pytest.param("a[5m][5m]", "1:6: parse error: ranges only allowed for vector selectors", id="two ranges"),
        pytest.param("a offset 5m [5m]", "1:13: parse error: no offset modifiers allowed before range", id="an offset before the range"),
        pytest.param("a @ 1 [5m]", "1:7: parse error: no @ modifiers allowed before range", id="a time before the range"),
        pytest.param("a offset 5m offset 5m", "1:1: parse error: offset may not be set multiple times", id="two offsets"),
        pytest.param("a @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times", id="two times"),
        pytest.param("a @ start() @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times", id="of both kinds"),
        pytest.param("a @ inf", "1:1: parse error: timestamp out of bounds for @ modifier: inf", id="no infinite time"),
        pytest.param("a @ b", '1:5: parse error: unexpected identifier "b" in @, expected timestamp', id="a metric as time"),
        pytest.param("a @", "1:4: parse error: unexpected end of input in @, expected timestamp", id="no time"),
        pytest.param("a @ start(1)", '1:11: parse error: unexpected number "1" in @', id="start() takes nothing"),
        pytest.param("a anchored smoothed", "1:1: parse error: anchored and smoothed modifiers cannot be used together", id="anchored and smoothed"),
        pytest.param("a[5m:] anchored", "1:1: parse error: anchored modifier is not supported for subqueries", id="an anchored subquery"),
        pytest.param("a[5m:] offset 1m offset 1m", "1:1: parse error: offset may not be set multiple times", id="two offsets of a subquery"),
        pytest.param("a[5m:1m:1m]", '1:8: parse error: unexpected ":" in subquery selector, expected "]"', id="two steps"),
    ],
)  # fmt: skip
def test_errors(query: str, message: str) -> None:
    with pytest.raises(ParseError) as raised:
        read(query)

    assert str(raised.value) == message

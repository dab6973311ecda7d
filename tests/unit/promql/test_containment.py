"""What an expression reads."""

import pytest

from tenantry_promql.containment import info_matchers, reads
from tenantry_promql.reader import read
from tenantry_promql.selectors import format_selector
from tenantry_promql.syntax import Call


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param("1", [], id="nothing"),
        pytest.param("a + sum(b)", ["a", "b"], id="selectors"),
        pytest.param("topk(scalar(a), b)", ["a", "b"], id="parameters"),
        pytest.param("info(a)", ["target_info", "a"], id="info() reads target_info"),
        pytest.param('info(a, {b=~".+"})', ['target_info{b=~".+"}', "a"], id="with its matchers"),
        pytest.param('info(a, {__name__=~"x_.*"})', ['{__name__=~"x_.*"}', "a"], id="or another metric"),
    ],
)  # fmt: skip
def test_reads(expression: str, expected: list[str]) -> None:
    assert [format_selector(matchers) for matchers in reads(read(expression))] == expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param('{b!="x"}', "target_info", id="a matcher that accepts a missing label is not counted on"),
        pytest.param('{b=""}', "target_info", id="nor one that demands it"),
        pytest.param('{__name__="x",__name__="y"}', "{}", id="with two names it may be anything"),
        pytest.param("{}", "target_info", id="no matchers"),
    ],
)  # fmt: skip
def test_info_matchers(labels: str, expected: str) -> None:
    call = read(f"info(a, {labels})")

    assert isinstance(call, Call)
    assert format_selector(info_matchers(call.arguments[1:])) == expected

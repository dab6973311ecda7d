import pytest
from tests.oracle.promql.permitted import Rule, is_permitted

from tenantry_promql import Matcher

LABELS = {"__name__": "up", "job": "web", "text": "new\nline"}


@pytest.mark.parametrize(
    ("rules", "permitted"),
    [
        pytest.param([], False, id="no rule permits nothing"),
        pytest.param([()], True, id="an empty rule permits everything"),
        pytest.param([(Matcher("job", "=", "web"),)], True, id="equal"),
        pytest.param([(Matcher("job", "=", "we"),)], False, id="not equal"),
        pytest.param([(Matcher("job", "=~", "we"),)], False, id="expressions are anchored"),
        pytest.param([(Matcher("job", "!~", "we"),)], True, id="negative ones too"),
        pytest.param([(Matcher("nope", "=", ""),)], True, id="an absent label is empty"),
        pytest.param([(Matcher("nope", "!=", ""),)], False, id="and only empty"),
        pytest.param([(Matcher("text", "=~", "new.line"),)], True, id="the dot meets a newline"),
        pytest.param(
            [(Matcher("job", "=", "web"), Matcher("__name__", "=", "down"))],
            False,
            id="all matchers of a rule",
        ),
        pytest.param(
            [(Matcher("job", "=", "api"),), (Matcher("job", "!=", "api"),)], True, id="any rule"
        ),
    ],
)
def test_permitted(rules: list[Rule], permitted: bool) -> None:
    assert is_permitted(LABELS, rules) is permitted

"""Templates expand as Go's `regexp.Expand` does."""

import pytest

from tenantry_common import relabel_template
from tenantry_common.relabel_regex import Groups

GROUPS = Groups(("whole", "one", ""), {"name": "named", "1x": "odd"})


@pytest.mark.parametrize(
    ("template", "expanded"),
    [
        pytest.param("", "", id="empty"),
        pytest.param("plain", "plain", id="plain text"),
        pytest.param("$1", "one", id="number"),
        pytest.param("$0", "whole", id="whole match"),
        pytest.param("a${1}b", "aoneb", id="braces"),
        pytest.param("$1b", "", id="the longest name is taken"),
        pytest.param("$1x", "odd", id="a name may begin with a digit"),
        pytest.param("$1-b", "one-b", id="a name ends at a dash"),
        pytest.param("$name ${name}", "named named", id="names"),
        pytest.param("[$2]", "[]", id="group without part in the match"),
        pytest.param("[$9][$nobody]", "[][]", id="groups that do not exist"),
        pytest.param("$01", "", id="leading zero makes a name"),
        pytest.param("$$1 $$$1", "$1 $one", id="doubled dollar"),
        pytest.param("a$", "a$", id="dollar at the end"),
        pytest.param("$-1", "$-1", id="dollar before a dash"),
        pytest.param("${1", "${1", id="brace not closed"),
        pytest.param("${}x", "${}x", id="empty braces"),
        pytest.param("${1-}", "${1-}", id="braces around no name"),
        pytest.param("$é", "", id="letters beyond ASCII are part of names"),
    ],
)
def test_template_expands(template: str, expanded: str) -> None:
    assert relabel_template.expand(relabel_template.parse(template), GROUPS) == expanded


@pytest.mark.parametrize(
    ("template", "may"),
    [
        pytest.param("", False, id="empty"),
        pytest.param("name", True, id="name"),
        pytest.param("with-dash", True, id="any text is a name since Prometheus 3"),
        pytest.param("${1}_x", True, id="reference"),
        pytest.param("$1-x", False, id="reference beside a dash"),
        pytest.param("${", False, id="broken reference"),
        pytest.param("a$" * 40, False, id="long and broken"),
    ],
)
def test_what_a_target_label_may_be(template: str, may: bool) -> None:
    assert relabel_template.may_name(template) is may

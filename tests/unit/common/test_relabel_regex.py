"""Regular expressions of relabel rules mean what they mean in Prometheus 3."""

import pytest

from tenantry_common import relabel_regex
from tenantry_common.relabel_regex import Groups


@pytest.mark.parametrize(
    ("regex", "text", "groups"),
    [
        pytest.param("(.*)", "a\nb", Groups(("a\nb", "a\nb"), {}), id="everything"),
        pytest.param("", "", Groups(("",), {}), id="empty matches empty"),
        pytest.param("", "a", None, id="empty matches nothing else"),
        pytest.param("b", "abc", None, id="anchored at both ends"),
        pytest.param("a|ab", "ab", Groups(("ab",), {}), id="anchored around an alternation"),
        pytest.param("a.b", "a\nb", Groups(("a\nb",), {}), id="dot meets a newline"),
        pytest.param("(x)|(y)", "y", Groups(("y", "", "y"), {}), id="group without part"),
        pytest.param("(?P<n>é)+", "éé", Groups(("éé", "é"), {"n": "é"}), id="named, not ASCII"),
        pytest.param("(?i)AB", "ab", Groups(("ab",), {}), id="flags"),
    ],
)
def test_match(regex: str, text: str, groups: Groups | None) -> None:
    assert relabel_regex.matcher(regex)(text) == groups


@pytest.mark.parametrize(
    ("regex", "message"),
    [
        pytest.param("a+", "", id="fine"),
        pytest.param(r"\QC.\E", "", id="quoted"),
        pytest.param(r"\\C", "", id="a backslash, then a letter"),
        pytest.param("(", "error parsing regexp: missing ): (", id="not closed"),
        pytest.param(
            r"\C", "error parsing regexp: invalid escape sequence: `\\C`", id="any byte is not Go's"
        ),
        pytest.param(
            r"\Qab", "error parsing regexp: missing ): (?:\\Qab)", id="quote that is not closed"
        ),
        pytest.param("(?=a)", "error parsing regexp: invalid perl operator: (?=", id="look-around"),
    ],
)
def test_problem(regex: str, message: str) -> None:
    assert relabel_regex.problem(regex) == message

"""A finding reads like a compiler's message."""

from tenant_controller.findings import Finding, in_order
from tenantry_common.contracts import Problem


def finding(file: str, line: int, path: str = "$") -> Finding:
    return Finding(file=file, line=line, problem=Problem(path=path, message="m", object="ns/a"))


def test_it_is_one_line_that_editors_understand() -> None:
    problem = Problem(path="$.spec", message="is wrong", severity="warning", object="ns/a")

    assert [str(Finding(file="a.yaml", line=line, problem=problem)) for line in (3, 0)] == [
        "a.yaml:3: warning: ns/a: $.spec: is wrong",
        "a.yaml: warning: ns/a: $.spec: is wrong",
    ]


def test_only_errors_take_effect() -> None:
    warning = Problem(path="$", message="m", severity="warning")

    assert (finding("a", 1).is_error, Finding(file="a", line=1, problem=warning).is_error) == (
        True,
        False,
    )


def test_the_order_is_that_of_the_files() -> None:
    found = [finding("b", 1), finding("a", 10), finding("a", 2, "$.z"), finding("a", 2, "$.a")]

    assert [(f.file, f.line, f.problem.path) for f in in_order(found)] == [
        ("a", 2, "$.a"),
        ("a", 2, "$.z"),
        ("a", 10, "$"),
        ("b", 1, "$"),
    ]

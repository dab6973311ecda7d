"""Every document of a file is read on its own, at its own lines."""

from tenant_controller import documents
from tenant_controller.documents import Located
from tenant_controller.findings import Finding
from tenantry_common.contracts import Problem


def summary(text: str) -> list[tuple[int, object]]:
    return [
        (found.line, found.document.value if isinstance(found, Located) else found.problem.message)
        for found in documents.read(text, "f.yaml")
    ]


def test_documents_are_found_with_their_lines() -> None:
    text = "# head\n---\na: 1\n--- # comment\n\nb: 2\n---\n---\n# nothing\n"

    assert summary(text) == [(3, {"a": 1}), (6, {"b": 2})]


def test_a_separator_inside_a_text_is_none() -> None:
    assert summary("a: |\n  ---\n  b\n") == [(1, {"a": "---\nb\n"})]


def test_a_broken_document_takes_none_of_the_others_with_it() -> None:
    found = list(documents.read("a: 1\n---\nb: [\n---\nc: 3\n", "f.yaml"))

    assert [f.line for f in found] == [1, 4, 5]
    assert found[1] == Finding(
        file="f.yaml",
        line=4,
        problem=Problem(
            path="line 4",
            message="not YAML: column 1: while parsing a flow node, expected the node content, "
            "but found '<stream end>'",
            object="f.yaml",
        ),
    )


def test_a_problem_is_located_by_its_path() -> None:
    located = next(documents.read("# x\nspec:\n  metrics:\n    - up\n", "f.yaml"))
    problem = Problem(path="$.spec.metrics[0]", message="m")

    assert isinstance(located, Located)
    assert located.finding(problem) == Finding(file="f.yaml", line=4, problem=problem)

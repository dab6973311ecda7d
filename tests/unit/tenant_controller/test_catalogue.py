"""Files become objects; what is no object is told, and a name stands for one object."""

import pytest

from tenant_controller import catalogue
from tenantry_common.contents import Unreadable

HEAD = "apiVersion: observability.ethos.io/v1alpha1\nkind: MetricAccess\n"


def manifest(name: str, namespace: str = "team-web", metric: str = "up") -> str:
    return (
        f"{HEAD}metadata: {{name: {name}, namespace: {namespace}}}\n"
        f"spec: {{source: s, metrics: ['{metric}']}}\n"
    )


def objects(found: catalogue.Catalogue) -> list[tuple[str, str, int, bool]]:
    return [
        (e.validated.full_name, e.located.file, e.located.line, e.validated.access is not None)
        for e in found.entries
    ]


def test_all_documents_of_all_files_are_read() -> None:
    found = catalogue.read({"a.yaml": manifest("a") + "---\n" + manifest("b"), "c.yaml": ""})

    assert objects(found) == [
        ("team-web/a", "a.yaml", 1, True),
        ("team-web/b", "a.yaml", 6, True),
    ]
    assert found.findings == ()


def test_a_broken_object_harms_no_other() -> None:
    found = catalogue.read({"a.yaml": manifest("a", metric="up{"), "b.yaml": manifest("b")})

    assert objects(found) == [("team-web/a", "a.yaml", 1, False), ("team-web/b", "b.yaml", 1, True)]
    assert [str(f).partition(": not a")[0] for f in found.entries[0].findings] == [
        "a.yaml:4: error: team-web/a: $.spec.metrics[0]"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "apiVersion: v1\nkind: ConfigMap\n",
            "f.yaml:1: warning: f.yaml: $: ignored: ConfigMap is not MetricAccess of "
            "observability.ethos.io",
            id="another kind",
        ),
        pytest.param(
            "apiVersion: example.com/v1\nkind: MetricAccess\n",
            "f.yaml:1: warning: f.yaml: $: ignored: MetricAccess of example.com is not MetricAccess "
            "of observability.ethos.io",
            id="another group",
        ),
        pytest.param(
            "- 1\n",
            "f.yaml:1: warning: f.yaml: $: ignored: a document without kind is not MetricAccess of "
            "observability.ethos.io",
            id="no object",
        ),
        pytest.param(
            "a: 1\na: 2\n",
            "f.yaml:2: error: f.yaml: line 2: not YAML: column 1: the key 'a' stands twice",
            id="not YAML",
        ),
    ],
)
def test_what_is_no_object_is_told(text: str, expected: str) -> None:
    found = catalogue.read({"f.yaml": text})

    assert (found.entries, [str(f) for f in found.findings]) == ((), [expected])


def test_a_file_that_cannot_be_read_is_told() -> None:
    found = catalogue.read({"f.yaml": Unreadable("Permission denied")})

    assert [str(f) for f in found.findings] == ["f.yaml: error: f.yaml: $: Permission denied"]


def test_objects_of_one_name_are_all_refused_and_name_one_another() -> None:
    files = {"a.yaml": manifest("x"), "b.yaml": manifest("y") + "---\n" + manifest("x")}

    found = catalogue.read(files)

    assert objects(found) == [
        ("team-web/x", "a.yaml", 1, False),
        ("team-web/y", "b.yaml", 1, True),
        ("team-web/x", "b.yaml", 6, False),
    ]
    assert [[str(f) for f in e.findings] for e in found.entries] == [
        [
            "a.yaml:3: error: team-web/x: $.metadata.name: is refused, because b.yaml:6 has the "
            "same name and namespace"
        ],
        [],
        [
            "b.yaml:8: error: team-web/x: $.metadata.name: is refused, because a.yaml:1 has the "
            "same name and namespace"
        ],
    ]


def test_the_same_name_in_another_namespace_is_another_object() -> None:
    found = catalogue.read({"a.yaml": manifest("x"), "b.yaml": manifest("x", "team-batch")})

    assert [valid for *_, valid in objects(found)] == [True, True]


def test_an_unchanged_file_is_not_read_again() -> None:
    first = catalogue.read({"a.yaml": manifest("a"), "b.yaml": manifest("b")})
    second = catalogue.read({"a.yaml": manifest("a"), "b.yaml": manifest("b", metric="x")})

    assert second.entries[0] is first.entries[0]
    assert second.entries[1] is not first.entries[1]

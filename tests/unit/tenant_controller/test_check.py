"""What `tenantry check` finds."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tenant_controller.check import check_files, check_text

HEAD = "apiVersion: observability.ethos.io/v1alpha1\nkind: MetricAccess\n"
OBJECT = f"{HEAD}metadata: {{name: a, namespace: ns}}\nspec: {{source: s, metrics: [up]}}\n"
BROKEN = f"{HEAD}metadata: {{name: b}}\nspec:\n  metrics:\n    - 'up{{'\n"


def test_a_valid_text_has_no_findings() -> None:
    assert check_text(OBJECT, "a.yaml") == ()


def test_everything_is_found_with_file_line_and_path() -> None:
    found = check_text(f"{BROKEN}---\na: [\n", "b.yaml")

    assert [(f.file, f.line, f.problem.object, f.problem.path) for f in found] == [
        ("b.yaml", 3, "b", "$.metadata.namespace"),
        ("b.yaml", 4, "b", "$.spec.source"),
        ("b.yaml", 6, "b", "$.spec.metrics[0]"),
        ("b.yaml", 9, "b.yaml", "line 9"),
    ]


def test_objects_in_two_files_are_found() -> None:
    found = check_files({"a.yaml": OBJECT, "b.yaml": OBJECT})

    assert [(f.file, f.problem.path) for f in found] == [
        ("a.yaml", "$.metadata.name"),
        ("b.yaml", "$.metadata.name"),
    ]


@given(st.text(alphabet="abk:-[]{}&*!|>%@#'\"\\\n\t \ud800é1", max_size=60))
def test_no_text_makes_it_fail(text: str) -> None:
    check_text(text, "a.yaml")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
)
PATTERNS = st.text(alphabet="ab_.*+?|(){}[]=~!\"'\\, \n\ud800é1", max_size=30)
SPECS = st.fixed_dictionaries(
    {"source": st.text(max_size=3) | VALUES, "metrics": st.lists(PATTERNS, max_size=4) | VALUES},
    optional={
        "labelSelectors": st.dictionaries(st.text(max_size=4), PATTERNS, max_size=2) | VALUES,
        "metricIsolation": st.booleans() | VALUES,
        "remoteWrite": st.fixed_dictionaries(
            {
                "enabled": st.booleans(),
                "target": st.fixed_dictionaries({"type": st.just("remote_write")}),
            },
            optional={
                "interval": PATTERNS,
                "remoteWrite": st.fixed_dictionaries({"url": PATTERNS}) | VALUES,
                "extraLabels": st.dictionaries(st.text(max_size=4), PATTERNS, max_size=2) | VALUES,
                "metricRelabelings": st.lists(
                    st.fixed_dictionaries(
                        {}, optional={"regex": PATTERNS, "action": st.text(max_size=4)}
                    ),
                    max_size=2,
                )
                | VALUES,
            },
        )
        | VALUES,
    },
)


@given(SPECS)
def test_no_object_makes_it_fail(spec: object) -> None:
    document = {
        "apiVersion": "observability.ethos.io/v1alpha1",
        "kind": "MetricAccess",
        "metadata": {"name": "a", "namespace": "ns"},
        "spec": spec,
    }

    check_text(json.dumps(document), "a.yaml")

"""Permission in remote read is decided on what is stored."""

import pytest

import tenantry_promql as promql
from query_gateway.answers import Violation
from query_gateway.stored_labels import StoredLabels
from tenantry_common.contracts import Backend

BACKEND = Backend(
    id="a",
    url="http://a",
    ha_set="a",
    external_labels={"cluster": "eu1", "region": "eu"},
    replica_labels={"replica": "r0"},
)
ADDED = {"cluster": "eu1", "region": "eu", "replica": "r0"}


@pytest.mark.parametrize(
    ("rule", "labels", "expected"),
    [
        pytest.param('{job="a"}', {"job": "a", **ADDED}, True, id="by its own label"),
        pytest.param('{job="a",cluster=""}', {"job": "a", **ADDED}, True, id="added ones are away"),
        pytest.param('{cluster="eu1"}', {"job": "a", **ADDED}, False, id="only by an added one"),
        pytest.param(
            '{cluster="eu1",replica=""}',
            {"job": "a", **ADDED},
            False,
            id="one may be its own while another was added",
        ),
        pytest.param(
            '{cluster="us1"}', {**ADDED, "cluster": "us1"}, True, id="its own, of another value"
        ),
        pytest.param('{job="b"}', {"job": "a", **ADDED}, None, id="not permitted at all"),
        pytest.param('{cluster="us1"}', {"job": "a", **ADDED}, None, id="nor by what was added"),
    ],
)
def test_a_series_is_shown_withheld_or_a_violation(
    rule: str, labels: dict[str, str], expected: bool | None
) -> None:
    stored = StoredLabels(promql.RuleSet([promql.parse_rule(rule)]), BACKEND)

    if expected is None:
        with pytest.raises(Violation):
            stored.admit(labels)
    else:
        assert stored.admit(labels) == expected


def test_only_the_very_value_counts_as_added() -> None:
    stored = StoredLabels(promql.RuleSet([()]), BACKEND)

    assert stored.without_external({"a": "1", "cluster": "eu1", "region": "us"}) == {
        "a": "1",
        "region": "us",
    }

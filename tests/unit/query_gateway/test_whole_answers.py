"""Which answers are checked how."""

import msgspec
import pytest

import tenantry_promql as promql
from query_gateway import whole_answers
from query_gateway.answers import Violation
from query_gateway.endpoints import Answer
from query_gateway.parameters import Arguments

RULES = promql.RuleSet([promql.parse_rule('shop_total{namespace="shop"}')])
OWN = {"__name__": "shop_total", "namespace": "shop"}
FOREIGN = {"__name__": "shop_total", "namespace": "bank"}


def encoded(data: object) -> bytes:
    return msgspec.json.encode({"status": "success", "data": data})


@pytest.mark.parametrize(
    ("kind", "own", "foreign"),
    [
        ("series", [OWN], [OWN, FOREIGN]),
        ("label values", ["shop"], ["shop", "bank"]),
        (
            "exemplars",
            [{"seriesLabels": OWN, "exemplars": []}],
            [{"seriesLabels": FOREIGN, "exemplars": []}],
        ),
        (
            "stream",
            {"resultType": "matrix", "result": [{"metric": OWN, "values": []}]},
            {"resultType": "matrix", "result": [{"metric": FOREIGN, "values": []}]},
        ),
    ],
)
def test_what_is_not_permitted_is_a_violation(kind: Answer, own: object, foreign: object) -> None:
    arguments = Arguments(single={}, label="namespace")

    assert whole_answers.body(kind, arguments, RULES, [encoded(own)]) == encoded(own)
    with pytest.raises(Violation):
        whole_answers.body(kind, arguments, RULES, [encoded(foreign)])


def test_label_names_may_be_any() -> None:
    body = encoded(["a", "b"])

    assert whole_answers.body("label names", Arguments(single={}), RULES, [body]) == body


@pytest.mark.parametrize(
    ("endpoint", "label", "name", "expected"),
    [
        ("search_metric_names", "", "shop_total", True),
        ("search_metric_names", "", "bank_total", False),
        ("search_label_values", "namespace", "bank", False),
        ("search_label_values", "job", "any", True),
        ("search_label_names", "", "any", True),
    ],
)
def test_search_results_are_what_the_rules_can_permit(
    endpoint: str, label: str, name: str, expected: bool
) -> None:
    arguments = Arguments(single={"label": label} if label else {})

    assert whole_answers.found_names(arguments, endpoint, RULES)(name) == expected


def test_what_is_not_read_as_a_whole_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        whole_answers.body("federation", Arguments(single={}), RULES, [b""])

"""What to make of answers that are read as a whole: unite, check, cut down; pure."""

from collections.abc import Callable

import tenantry_promql as promql
from query_gateway import answers, enforce, metadata, rule_groups
from query_gateway.endpoints import LABEL, Answer
from query_gateway.parameters import Arguments


def body(answer: Answer, arguments: Arguments, rules: promql.RuleSet, bodies: list[bytes]) -> bytes:
    """Return the answer of an endpoint from the backend's answers to its calls.

    Raises `Violation`, `NotAnAnswer`, and `Failure` for parameters that make no sense.
    """
    match answer:
        case "stream":
            return answers.matrices(bodies, arguments.limit, rules.matches)
        case "exemplars":
            return answers.exemplars(bodies, rules.matches)
        case "series":
            return answers.series(bodies[0], arguments.limit, rules.matches)
        case "label names":
            return answers.names(bodies[0], arguments.limit, lambda _: True)
        case "label values":
            permitted = values_of(arguments.label, rules)
            return answers.names(bodies[0], arguments.limit, permitted)
        case "metadata":
            return metadata.families(bodies, arguments, rules)
        case "targets metadata":
            return metadata.targets(bodies, arguments, rules)
        case "rules":
            return rule_groups.rules(bodies[0], arguments, rules)
        case "alerts":
            return rule_groups.alerts(bodies[0], rules)
        case _:
            raise AssertionError(f"the answer of kind {answer} is not read as a whole")


def found_names(answer: Arguments, endpoint: str, rules: promql.RuleSet) -> Callable[[str], bool]:
    """Return which results of the search endpoint of this name may be shown."""
    match endpoint:
        case "search_metric_names":
            return values_of("__name__", rules)
        case "search_label_values":
            return values_of(answer.single.get(LABEL, ""), rules)
        case _:
            return lambda _: True


def values_of(label: str, rules: promql.RuleSet) -> Callable[[str], bool]:
    """Return which values of a label a permitted series may have."""
    possible = enforce.possible_values(label, rules)
    return lambda value: possible.matches({label: value})

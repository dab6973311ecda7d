"""What a MetricAccess grants: `spec.metrics` and what is ANDed to it become rules; pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tenant_controller import names
from tenant_controller.metric_access import Spec
from tenantry_common.contracts import Problem
from tenantry_promql import Matcher, RuleError, RuleSet, parse_rule

type Rule = tuple[Matcher, ...]

_MOST_PATTERNS = 2_000
_LONGEST_PATTERN = 4_096
_ANY_SERIES = (Matcher("__name__", "=~", ".+"),)
_EVERYTHING = ((),)
_LIKE_REGEX = re.compile(r"\.[*+]|\||\(\?|^\^|\$$")
_LIKE_QUERY = re.compile(r"\s|\[\d+[smhdwy]\]|^(sum|avg|min|max|count|rate|irate|increase)\(")


@dataclass(frozen=True)
class Granted:
    """The rule of each item of `spec.metrics`, None where it is none, and what is wrong."""

    rules: tuple[Rule | None, ...]
    problems: tuple[Problem, ...]


def of(spec: Spec, namespace: str) -> Granted:
    """Return the rules of an object in `namespace`, before any boundary."""
    more, problems = _conditions(spec, namespace)
    rules: list[Rule | None] = []
    for number, text in enumerate(spec.metrics[:_MOST_PATTERNS]):
        path = f"$.spec.metrics[{number}]"
        read = _read(text, more)
        if isinstance(read, str):
            rules.append(None)
            problems.append(Problem(path=path, message=read))
            continue
        rule, permitted = read
        rules.append(rule + more)
        problems += _breadth(path, rule + more, permitted, spec)
        problems += _doubts(path, text, rule)
    problems += _problems_of_all(spec, [rule for rule in rules if rule is not None])
    return Granted(tuple(rules), tuple(problems))


def _conditions(spec: Spec, namespace: str) -> tuple[Rule, list[Problem]]:
    """Return what is ANDed to every rule of the object, and what of it is wrong."""
    matchers = []
    problems = []
    for label, value in spec.label_selectors.items():
        error = _label_problem(label)
        if error:
            problems.append(Problem(path=f"$.spec.labelSelectors.{label}", message=error))
        else:
            matchers.append(Matcher(label, "=", value))
    if spec.metric_isolation:
        matchers.append(Matcher("namespace", "=", namespace))
    return tuple(matchers), problems


def _label_problem(label: str) -> str:
    if not names.is_label_name(label):
        return f"{label!r} is not a label name"
    try:
        RuleSet([(Matcher(label, "=", ""),)])
    except RuleError as error:
        return str(error)
    return ""


def _read(text: str, more: Rule) -> tuple[Rule, RuleSet] | str:
    """Return the rule that `text` stands for and what it permits with `more`, or what is wrong."""
    if len(text) > _LONGEST_PATTERN:
        return f"longer than {_LONGEST_PATTERN} characters"
    try:
        rule = parse_rule(text)
        return rule, RuleSet([rule + more])
    except RuleError as error:
        return str(error)


def _breadth(path: str, rule: Rule, permitted: RuleSet, spec: Spec) -> Iterator[Problem]:
    """Yield that a rule matches nothing, or everything though that is not allowed."""
    if permitted.is_empty:
        message = "matches no series: its conditions contradict one another"
        yield Problem(path=path, message=message, severity="warning")
    elif not spec.allow_all and _is_everything(rule, permitted):
        message = "matches every series; if that is meant, set spec.allowAll: true"
        yield Problem(path=path, message=message)


def _doubts(path: str, text: str, rule: Rule) -> Iterator[Problem]:
    """Yield what is legal and almost never meant."""
    for label, op, value in rule:
        if op == "=" and _LIKE_REGEX.search(value):
            message = (
                f'{label}="{value}" compares with that very text; for a regular expression write =~'
            )
            yield Problem(path=path, message=message, severity="warning")
        if label == "__name__" and op == "=~" and value == text and _LIKE_QUERY.search(text):
            message = (
                "is taken as a regular expression for the metric's name; "
                "only series can be granted, not the results of queries"
            )
            yield Problem(path=path, message=message, severity="warning")


def _problems_of_all(spec: Spec, rules: list[Rule]) -> Iterator[Problem]:
    path = "$.spec.metrics"
    if len(spec.metrics) > _MOST_PATTERNS:
        message = f"{len(spec.metrics)} items are more than {_MOST_PATTERNS}"
        yield Problem(path=path, message=message)
    if not spec.metrics:
        yield Problem(path=path, message="is empty, so nothing is granted", severity="warning")
    if spec.allow_all or all(map(_picks, rules)):
        return
    permitted = RuleSet(rules)
    if permitted.residuals(_ANY_SERIES) == _EVERYTHING and not any(
        _is_everything(rule, RuleSet([rule])) for rule in rules
    ):
        message = "together these match every series; if that is meant, set spec.allowAll: true"
        yield Problem(path=path, message=message)


def _is_everything(rule: Rule, permitted: RuleSet) -> bool:
    """Whether every series that has a name is permitted, and every series in Prometheus has one."""
    return not _picks(rule) and permitted.residuals(_ANY_SERIES) == _EVERYTHING


def _picks(rule: Rule) -> bool:
    """Whether a rule asks for one value of some label.

    A series with other values than all that are asked for is matched by no such rule: neither one
    of them nor all together are everything, which spares the search for it.
    """
    return any(op == "=" and value for _, op, value in rule)

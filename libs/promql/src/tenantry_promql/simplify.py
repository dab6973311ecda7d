"""The shortest list of rules with the same union."""

from collections import defaultdict
from collections.abc import Iterable

from tenantry_promql import regexes
from tenantry_promql.constraints import ANY, Constraint, Fin, union
from tenantry_promql.normalform import TRUE, Rule, rule_implies, rule_of


def simplify(rules: Iterable[Rule]) -> list[Rule]:
    """Return a shorter list with the same union; its order follows from the order of the rules.

    Rules that differ in one label only are merged where one constraint can say it, until nothing
    changes; then rules inside another rule are dropped.
    """
    current = _merged(list(rules))
    if len(current) < 2:
        return current
    return [TRUE] if TRUE in current else _without_implied(current)


def _merged(rules: list[Rule]) -> list[Rule]:
    while True:
        # Only rules about the same labels can differ in one label only.
        alike: defaultdict[tuple[str, ...], list[Rule]] = defaultdict(list)
        for rule in rules:
            alike[tuple([label for label, _ in rule])].append(rule)
        if len(alike) == len(rules):
            return rules
        merged: list[Rule] = []
        settled = True
        for labels, same in alike.items():
            if len(same) > 1:
                same = _merged_alike(labels, same)
                settled = settled and all(len(rule) == len(labels) for rule in same)
            merged += same
        if settled:
            return merged
        rules = merged  # labels have disappeared: there are new neighbours


def _merged_alike(labels: tuple[str, ...], rules: list[Rule]) -> list[Rule]:
    if len(labels) == 1:
        (label,) = labels
        parts = union([rule[0][1] for rule in rules])
        return [TRUE if part == ANY else ((label, part),) for part in parts]
    while differing := _labels_to_merge_on(rules):
        before = len(rules)
        for label in differing:
            rules = _merged_on(label, rules)
        if len(rules) == before:
            break
    return rules


def _labels_to_merge_on(rules: list[Rule]) -> list[str]:
    """Return the labels in which, and in nothing else, some rules differ."""
    seen: set[tuple[str, Rule]] = set()
    labels: set[str] = set()
    for rule in rules:
        for index, (label, _) in enumerate(rule):
            rest = (label, rule[:index] + rule[index + 1 :])
            if rest in seen:
                labels.add(label)
            seen.add(rest)
    return sorted(labels)


def _merged_on(label: str, rules: list[Rule]) -> list[Rule]:
    alike: defaultdict[Rule, list[Constraint]] = defaultdict(list)
    for rule in rules:
        rest: list[tuple[str, Constraint]] = []
        own: Constraint = ANY
        for pair in rule:
            if pair[0] == label:
                own = pair[1]
            else:
                rest.append(pair)
        alike[tuple(rest)].append(own)
    merged: list[Rule] = []
    for same, own_ones in alike.items():
        parts = own_ones if len(own_ones) == 1 else union(own_ones)
        for part in parts:
            whole = rule_of([*same, (label, part)])
            if whole is not None:
                merged.append(whole)
    return merged


_FEW = 16
"""Up to so many rules, trying all pairs is faster than an index."""


def _without_implied(rules: list[Rule]) -> list[Rule]:
    """Drop every rule that lies inside another one; of two equivalent ones one stays."""
    containers = _Containers(rules) if len(rules) > _FEW else None
    labels = [frozenset([label for label, _ in rule]) for rule in rules]
    dropped: set[int] = set()
    for index, rule in enumerate(rules):
        own = labels[index]
        for other in range(len(rules)) if containers is None else containers.of(rule):
            if (
                labels[other] <= own
                and other != index
                and other not in dropped
                and rule_implies(rule, rules[other])
            ):
                dropped.add(index)
                break
    return [rule for index, rule in enumerate(rules) if index not in dropped]


class _Containers:
    """Finds the few rules that may contain a given one, so that a thousand rules need no million tests.

    Each rule is filed under one of its constraints, for what a rule inside it must have there: one
    of its values, the same expression, or something that starts with the same literal.
    """

    def __init__(self, rules: list[Rule]) -> None:
        self._filed: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
        self._by_expression: defaultdict[str, list[int]] = defaultdict(list)
        self._unfiled: list[int] = []
        keys = [[_keys(label, constraint) for label, constraint in rule] for rule in rules]
        frequency: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        for of_rule in keys:
            for of_label in of_rule:
                for key in of_label:
                    frequency[key] += 1
        for index, of_rule in enumerate(keys):
            usable = [of_label for of_label in of_rule if of_label]
            if not usable:
                self._unfiled.append(index)
                continue
            rarest = min(usable, key=lambda of_label: max(frequency[key] for key in of_label))
            for key in rarest:
                self._filed[key].append(index)
            if rarest[0][1] == "=~":
                self._by_expression[rarest[0][0]].append(index)

    def of(self, rule: Rule) -> list[int]:
        """Return the indexes of all rules that may contain this one."""
        found = list(self._unfiled)
        for label, constraint in rule:
            if isinstance(constraint, Fin):
                value = min(constraint.values)  # a container holds all of them, hence any of them
                found += self._filed.get((label, "=", value), ())
                found += self._by_expression.get(label, ())
                found += self._by_prefix(label, value)
                continue
            for regex in constraint.positive:
                if (known := regexes.prefix(regex)) is not None:
                    found += self._by_prefix(label, known[0])
                else:
                    found += self._filed.get((label, "=~", regex), ())
        return found

    def _by_prefix(self, label: str, text: str) -> list[int]:
        found: list[int] = []
        for end in range(len(text) + 1):
            found += self._filed.get((label, "^", text[:end]), ())
        return found


def _keys(label: str, constraint: Constraint) -> list[tuple[str, str, str]]:
    if isinstance(constraint, Fin):
        return [(label, "=", value) for value in constraint.values]
    for regex in constraint.positive:
        known = regexes.prefix(regex)
        return [(label, "=~", regex) if known is None else (label, "^", known[0])]
    return []

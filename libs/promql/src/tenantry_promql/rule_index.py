"""Finds the rules that may apply to a selector or a series without trying all of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from tenantry_promql.by_name import ByName
from tenantry_promql.constraints import Constraint, Fin
from tenantry_promql.normalform import TRUE, Rule
from tenantry_promql.syntax import METRIC_NAME

_FEW = 8
"""Up to so many rules, trying all is faster than looking them up."""


class RuleIndex:
    """Simplified rules, each filed under the values of one label: the one that tells most rules apart."""

    __slots__ = ("_by_name", "_filed", "_rules", "_unfiled", "is_everything")

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._by_name = ByName(rules)
        self.is_everything = TRUE in rules
        """Whether a rule demands nothing."""
        self._unfiled: list[int] = []
        self._filed: defaultdict[str, dict[str, list[int]]] = defaultdict(dict)
        frequency: defaultdict[tuple[str, str], int] = defaultdict(int)
        for rule in rules:
            for label, values in _finite(rule):
                for value in values:
                    frequency[label, value] += 1
        for index, rule in enumerate(rules):
            finite = _finite(rule)
            if not finite:
                self._unfiled.append(index)
                continue
            label, values = min(
                finite, key=lambda pair: max(frequency[pair[0], value] for value in pair[1])
            )
            for value in values:
                self._filed[label].setdefault(value, []).append(index)

    def candidates(self, known: Mapping[str, Constraint]) -> Sequence[Rule]:
        """Return rules that say the same as all rules of series that satisfy these constraints.

        They may leave out what the metric name decides.
        """
        name = known.get(METRIC_NAME)
        if isinstance(name, Fin) and len(name.values) == 1:
            (value,) = name.values
            left = self._by_name.of(value)
            if left is not None:
                return left
        if len(self._rules) <= _FEW:
            return self._rules
        found = set(self._unfiled)
        for label, by_value in self._filed.items():
            have = known.get(label)
            if not isinstance(have, Fin):
                for indexes in by_value.values():
                    found.update(indexes)
            elif len(have.values) <= len(by_value):
                for value in have.values:
                    found.update(by_value.get(value, ()))
            else:
                for value in by_value.keys() & have.values:
                    found.update(by_value[value])
        return [self._rules[index] for index in sorted(found)]

    def of_series(self, labels: Mapping[str, str]) -> list[Rule]:
        """Return at least the rules that a series with these labels may satisfy."""
        found = list(self._unfiled)
        for label, by_value in self._filed.items():
            found += by_value.get(labels.get(label, ""), ())
        return [self._rules[index] for index in found]


def _finite(rule: Rule) -> list[tuple[str, frozenset[str]]]:
    return [(label, part.values) for label, part in rule if isinstance(part, Fin)]

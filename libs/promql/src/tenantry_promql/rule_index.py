"""Finds what the `=` matchers of a selector, or the labels of a series, leave of the rules: one bit per rule."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tenantry_promql.constraints import Cof, Constraint, Fin, accepts, verdict
from tenantry_promql.normalform import Rule
from tenantry_promql.syntax import Matcher


class Narrowed(NamedTuple):
    """A selector, reduced to what the rules can tell about it. Equal ones have equal residuals."""

    rules: int
    """Those that the selector's `=` matchers do not contradict, by bit."""
    decided: int
    """The labels, by bit, of which these matchers say all that the rules want to know."""
    others: tuple[Matcher, ...]
    """The other matchers on labels that occur in rules."""


class _Conditions:
    """What the rules demand of one label."""

    __slots__ = ("bit", "by_value", "expressions", "indifferent")

    def __init__(self, bit: int, rules: int) -> None:
        self.bit = bit
        self.indifferent = rules
        """Rules that demand nothing of it."""
        self.by_value: defaultdict[str, int] = defaultdict(int)
        """Rules that name its values, by value."""
        self.expressions: list[tuple[Cof, int]] = []
        """All other demands, each with the rules that have it."""

    def satisfied(
        self, value: str, rules: int, judge: Callable[[Constraint, str], bool | None]
    ) -> tuple[int | None, int]:
        """Return which of these rules this value satisfies, and how many demands were tried.

        None where the judge does not know.
        """
        found = (self.indifferent | self.by_value.get(value, 0)) & rules
        tried = 0
        for demand, demanding in self.expressions:
            if demanding & rules:
                tried += 1
                holds = judge(demand, value)
                if holds is None:
                    return None, tried
                if holds:
                    found |= demanding & rules
        return found, tried


class RuleIndex:
    """Simplified rules."""

    __slots__ = ("_by_label", "_rules")

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        every = (1 << len(rules)) - 1
        labels = dict.fromkeys(label for rule in rules for label, _ in rule)
        self._by_label = {
            label: _Conditions(1 << number, every) for number, label in enumerate(labels)
        }
        expressions: defaultdict[tuple[str, Cof], int] = defaultdict(int)
        for number, rule in enumerate(rules):
            bit = 1 << number
            for label, demand in rule:
                conditions = self._by_label[label]
                conditions.indifferent ^= bit
                if isinstance(demand, Cof):
                    expressions[label, demand] |= bit
                    continue
                for value in demand.values:
                    conditions.by_value[value] |= bit
        for (label, demand), demanding in expressions.items():
            self._by_label[label].expressions.append((demand, demanding))

    def narrowed(self, selector: Sequence[Matcher]) -> tuple[Narrowed, int]:
        """Reduce a selector to what the rules can tell about it; also return how many demands were tried.

        What versions of Prometheus may disagree about is not decided (`regexes.verdict`).
        """
        every = (1 << len(self._rules)) - 1
        rules, decided, seen, effort = every, 0, 0, 0
        others: list[Matcher] = []
        for matcher in selector:
            label, op, value = matcher
            conditions = self._by_label.get(label)
            if conditions is None:
                continue
            if conditions.bit & seen:
                # What several matchers of one label say together is not found out here.
                asked = [one for one in selector if one.label in self._by_label]
                return Narrowed(every, 0, tuple(asked)), effort
            seen |= conditions.bit
            if op == "=":
                satisfied, tried = conditions.satisfied(value, rules, verdict)
                effort += tried
                if satisfied is not None:
                    rules = satisfied
                    decided |= conditions.bit
                    continue
            others.append(matcher)
        return Narrowed(rules, decided, tuple(others)), effort

    def left(self, narrowed: Narrowed, known: Mapping[str, Constraint]) -> tuple[list[Rule], bool]:
        """Return the rules that are left, without what is decided, and whether that took something away.

        `known` is what the other matchers say: rules that want none of a label's values are left out.
        """
        bits = narrowed.rules
        for label, have in known.items():
            if isinstance(have, Fin):
                conditions = self._by_label[label]
                possible = conditions.indifferent
                for value in have.values & conditions.by_value.keys():
                    possible |= conditions.by_value[value]
                for _, demanding in conditions.expressions:
                    possible |= demanding
                bits &= possible
        decided = {
            label
            for label, conditions in self._by_label.items()
            if conditions.bit & narrowed.decided
        }
        found: list[Rule] = []
        changed = False
        while bits:
            lowest = bits & -bits
            bits ^= lowest
            rule = self._rules[lowest.bit_length() - 1]
            if not decided.isdisjoint([label for label, _ in rule]):
                rule = tuple([pair for pair in rule if pair[0] not in decided])
                changed = True
            found.append(rule)
        return found, changed

    def permits(self, labels: Mapping[str, str]) -> bool:
        """Say whether a series with these labels satisfies a rule, as RE2 sees it."""
        rules: int | None = (1 << len(self._rules)) - 1
        for label, conditions in self._by_label.items():
            if not rules:
                return False
            rules, _ = conditions.satisfied(labels.get(label, ""), rules, accepts)
        return bool(rules)

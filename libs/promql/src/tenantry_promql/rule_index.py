"""Finds what the `=` matchers of a selector, or the labels of a series, leave of the rules: one bit per rule."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tenantry_promql.constraints import Constraint, Fin, accepts, verdict
from tenantry_promql.normalform import Rule
from tenantry_promql.regexes import Branches, branches
from tenantry_promql.syntax import Matcher


class Narrowed(NamedTuple):
    """A selector, reduced to what the rules can tell about it. Equal ones have equal residuals."""

    rules: int
    """Those that the selector's `=` matchers do not contradict, by bit."""
    decided: int
    """The labels, by bit, of which these matchers say all that the rules want to know."""
    others: tuple[Matcher, ...]
    """The other matchers on labels that occur in rules."""


class _Demands:
    """What the rules demand of one label."""

    __slots__ = ("_beginnings", "_expressions", "_longer", "_open", "_values", "bit", "indifferent")

    def __init__(self, bit: int, rules: int) -> None:
        self.bit = bit
        self.indifferent = rules
        """Rules that demand nothing of it."""
        self._values: defaultdict[str, int] = defaultdict(int)
        """Rules by a value that they accept."""
        self._beginnings: defaultdict[int, dict[str, int]] = defaultdict(dict)
        """Rules by what begins the values that they accept, and first by its length."""
        self._longer: defaultdict[int, dict[str, int]] = defaultdict(dict)
        """The same for those that accept longer values only."""
        self._expressions: defaultdict[Constraint, int] = defaultdict(int)
        """All other demands, each with the rules that have it."""
        self._open = 0
        """Rules that do not accept certain values only."""

    def add(self, demand: Constraint, rule: int) -> None:
        """Note what one more rule demands."""
        self.indifferent &= ~rule
        if not isinstance(demand, Fin):
            self._open |= rule
        accepted = _branches(demand)
        if accepted is None:
            self._expressions[demand] |= rule
            return
        for value in accepted.values:
            self._values[value] |= rule
        for filed, texts in (
            (self._beginnings, accepted.beginnings),
            (self._longer, accepted.longer),
        ):
            for text in texts:
                same = filed[len(text)]
                same[text] = same.get(text, 0) | rule

    def possible(self, values: frozenset[str]) -> int:
        """Return at least the rules that accept one of these values."""
        found = self.indifferent | self._open
        for value in values & self._values.keys():
            found |= self._values[value]
        return found

    def satisfied(
        self, value: str, rules: int, judge: Callable[[Constraint, str], bool | None]
    ) -> tuple[int | None, int]:
        """Return which of these rules a value satisfies, and how many demands were tried.

        None where the judge of expressions does not know.
        """
        found = self.indifferent | self._values.get(value, 0)
        for length, by_text in self._beginnings.items():
            found |= by_text.get(value[:length], 0)
        for length, by_text in self._longer.items():
            if len(value) > length:
                found |= by_text.get(value[:length], 0)
        tried = 0
        for demand, demanding in self._expressions.items():
            if demanding & rules:
                tried += 1
                holds = judge(demand, value)
                if holds is None:
                    return None, tried
                if holds:
                    found |= demanding
        return found & rules, tried


def _branches(demand: Constraint) -> Branches | None:
    if isinstance(demand, Fin):
        return Branches(demand.values, (), ())
    if demand.excluded or demand.negative or len(demand.positive) != 1:
        return None
    (regex,) = demand.positive
    return branches(regex)


class RuleIndex:
    """Simplified rules."""

    __slots__ = ("_by_label", "_rules")

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        every = (1 << len(rules)) - 1
        self._by_label: dict[str, _Demands] = {}
        for number, rule in enumerate(rules):
            for label, demand in rule:
                demands = self._by_label.get(label)
                if demands is None:
                    demands = self._by_label[label] = _Demands(1 << len(self._by_label), every)
                demands.add(demand, 1 << number)

    def narrowed(self, selector: Sequence[Matcher]) -> tuple[Narrowed, int]:
        """Reduce a selector to what the rules can tell about it; also return how many demands were tried.

        What versions of Prometheus may disagree about is not decided (`regexes.verdict`): the dot of
        an expression meets a newline in Prometheus 3 only.
        """
        every = (1 << len(self._rules)) - 1
        rules, decided, seen, effort = every, 0, 0, 0
        others: list[Matcher] = []
        for matcher in selector:
            label, op, value = matcher
            demands = self._by_label.get(label)
            if demands is None:
                continue
            if demands.bit & seen:
                # What several matchers of one label say together is not found out here.
                asked = [one for one in selector if one.label in self._by_label]
                return Narrowed(every, 0, tuple(asked)), effort
            seen |= demands.bit
            if op == "=" and "\n" not in value:
                satisfied, tried = demands.satisfied(value, rules, verdict)
                effort += tried
                if satisfied is not None:
                    rules = satisfied
                    decided |= demands.bit
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
                bits &= self._by_label[label].possible(have.values)
        decided = {
            label for label, demands in self._by_label.items() if demands.bit & narrowed.decided
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
        for label, demands in self._by_label.items():
            if not rules:
                return False
            rules, _ = demands.satisfied(labels.get(label, ""), rules, accepts)
        return bool(rules)

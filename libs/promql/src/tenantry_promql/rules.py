"""The rules of a tenant: which series it may see, as a union of conjunctions of matchers."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from tenantry_promql import dots, doubtful, regexes
from tenantry_promql.cache import BoundedCache
from tenantry_promql.containment import reads
from tenantry_promql.errors import PromQLError, RuleError
from tenantry_promql.normalform import (
    Rule,
    conjoin,
    constraints_of,
    matchers_of,
    rule_of,
)
from tenantry_promql.pieces import RESERVED_PREFIX, Pieces, pieces_of
from tenantry_promql.reader import read
from tenantry_promql.residuals import conflicts, residuals
from tenantry_promql.rule_index import Narrowed, RuleIndex
from tenantry_promql.selectors import format_selector
from tenantry_promql.simplify import simplify
from tenantry_promql.syntax import METRIC_NAME, Matcher

_CACHED_SELECTORS = 4096
_CACHED_CHARACTERS = 8 * 1024 * 1024

# Prometheus' feature `type-and-unit-labels` drops these wherever it drops the name, so that pieces
# which differ in them could hide each other.
_DROPPED_WITH_NAME = frozenset(("__type__", "__unit__"))


class RuleSet:
    """An immutable union of rules, simplified. Sets that simplify to the same rules are equal.

    Each rule is a conjunction of matchers; an empty one permits everything, no rule at all nothing.
    Raises RuleError for a matcher that cannot be part of a rule.
    """

    __slots__ = ("_hash", "_index", "_pieces", "_simplified", "digest", "rules")

    rules: tuple[tuple[Matcher, ...], ...]
    """The simplified rules, each in one canonical order. `((),)` permits everything."""
    digest: str
    """Hex SHA-256 over the simplified rules; stable between processes and releases of one format."""

    def __init__(self, rules: Iterable[Sequence[Matcher]]) -> None:
        given = [normal for rule in rules if (normal := _normal_form(rule)) is not None]
        # Sorted before and after: the order in which rules are given means nothing.
        simplified = simplify(sorted(given, key=matchers_of))
        self._simplified = sorted(simplified, key=matchers_of)
        self.rules = tuple(map(matchers_of, self._simplified))
        canonical = "\n".join(map(format_selector, self.rules))
        self.digest = hashlib.sha256(f"{len(self.rules)}\n{canonical}".encode()).hexdigest()
        self._hash = hash(self.digest)
        self._index = RuleIndex(self._simplified)
        self._pieces: BoundedCache[tuple[Narrowed, bool], Pieces] = BoundedCache(
            _CACHED_SELECTORS, _CACHED_CHARACTERS
        )

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RuleSet) and self.digest == other.digest

    def __repr__(self) -> str:
        return f"<RuleSet {len(self.rules)} rules, {self.digest[:12]}>"

    @property
    def is_empty(self) -> bool:
        """Whether nothing is permitted."""
        return not self.rules

    @property
    def permits_everything(self) -> bool:
        """Whether every series is permitted."""
        return self.rules == ((),)

    def residuals(self, selector: tuple[Matcher, ...]) -> tuple[tuple[Matcher, ...], ...]:
        """Return what to add to a selector, as alternatives: S AND permitted == OR of S AND residual.

        `()` when nothing that is permitted can be selected, `((),)` when nothing needs to be added.
        """
        pieces, _ = self.pieces(selector)
        return tuple(map(matchers_of, pieces.rules))

    def pieces(
        self, selector: Sequence[Matcher], *, dot_matches_newline: bool = True
    ) -> tuple[Pieces, int]:
        """Return the residuals of a selector, ordered and printed, and the effort that they cost.

        They are remembered for all selectors of which the rules can tell no more than of this one.
        `dot_matches_newline` says how the server that answers understands regular expressions: True
        for Prometheus 3, False for 2 and for one that is not known (`dots`). The effort is how many
        rules and values were compared, as if nothing were remembered.
        """
        narrowed, effort = self._index.narrowed(selector)
        key = (narrowed, dot_matches_newline)
        known = self._pieces.get(key)
        if known is None:
            known = self._pieces_of(narrowed, dot_matches_newline)
            size = sum(map(len, known.injected)) + sum([len(one.value) for one in narrowed.others])
            self._pieces.put(key, known, size)
        return known, effort + known.effort

    def _pieces_of(self, selector: Narrowed, dot_matches_newline: bool) -> Pieces:
        if selector.others:
            others = selector.others if dot_matches_newline else dots.as_asked(selector.others)
            selector = selector._replace(others=doubtful.as_asked(others))
        left, effort = residuals(selector, self._index)
        return pieces_of(left if dot_matches_newline else tuple(map(dots.as_meant, left)), effort)

    def forget(self) -> None:
        """Drop all remembered selectors; for tests and benchmarks."""
        self._pieces.clear()

    def compared_with(
        self, selector: tuple[Matcher, ...]
    ) -> tuple[list[tuple[Matcher, ...]], list[tuple[tuple[Matcher, ...], tuple[str, ...]]]]:
        """Return the rules that permit some of what is selected, and the others with the labels why not."""
        admitting, conflicting = [], []
        for rule, printed in zip(self._simplified, self.rules, strict=True):
            labels = conflicts(selector, rule)
            if labels:
                conflicting.append((printed, labels))
            else:
                admitting.append(printed)
        return admitting, conflicting

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether a series with these labels, `__name__` included, is permitted."""
        return self._index.permits(labels)

    def contains(self, expression: str) -> bool:
        """Say whether every selector of an expression lies inside this set.

        False is also the answer for what cannot be read or cannot be decided. An expression that
        reads no series lies inside every set.
        """
        try:
            tree = read(expression)
        except PromQLError:
            return False
        return all(
            self.pieces(selector, dot_matches_newline=meaning)[0].is_unrestricted
            for selector in reads(tree)
            for meaning in (True, False)
        )

    def conjoin(self, boundary: Iterable[Sequence[Matcher]]) -> "RuleSet":
        """Return the set of series that are in this set and in the union of the boundary's rules."""
        return RuleSet(
            matchers_of(both)
            for other in RuleSet(boundary)._simplified
            for rule in self._simplified
            if (both := conjoin(rule, other)) is not None
        )

    def selectors(self) -> tuple[tuple[Matcher, ...], ...]:
        """Return selectors, none of everything, whose union is this set: for remote read and `match[]`.

        They may overlap: a reader of all of them drops series that it has already seen.
        """
        return tuple(map(selector_of_rule, self.rules))


def selector_of_rule(rule: Sequence[Matcher]) -> tuple[Matcher, ...]:
    """Return the matchers of a rule, with `__name__=~".+"` where Prometheus would refuse it without.

    Prometheus wants at least one matcher that does not accept the empty string.
    """
    if any(not regexes.holds(op, value, "") for _, op, value in rule):
        return tuple(rule)
    return (*rule, Matcher(METRIC_NAME, "=~", ".+"))


def _normal_form(matchers: Sequence[Matcher]) -> Rule | None:
    for label, op, value in matchers:
        if not label or label.startswith(RESERVED_PREFIX) or label in _DROPPED_WITH_NAME:
            raise RuleError(f'the label "{label}" cannot be used in a rule')
        try:
            f"{label}{value}".encode()
            if op == "=~" or op == "!~":
                regexes.check_rule(value)
        except UnicodeEncodeError as error:
            raise RuleError(f'the value of "{label}" is not valid UTF-8') from error
        except regexes.BadRegex as error:
            raise RuleError(f'the expression for "{label}" does not compile: {error}') from error
    return rule_of(constraints_of(matchers).items())

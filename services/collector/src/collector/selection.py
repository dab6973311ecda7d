"""What a source is asked for: rules become the queries of a read request; pure.

Prometheus' remote-read handler removes every *equality* matcher whose value equals its external
label of that name, and an external label that it does not have counts as empty. So ``x=""`` would
be ignored by every server, and ``cluster="eu1"`` by the servers of that cluster: the answer would
be wider than the rule. An equality is therefore sent as a regular expression, which is never
removed and which the server turns back into an index lookup.
"""

from collections.abc import Iterable
from typing import NamedTuple

from collector.schedule import Window
from tenantry_common import contracts
from tenantry_common.remote_read import Query
from tenantry_promql import Matcher, RuleSet, dots
from tenantry_promql.regexes import quote_meta

_NAME = "__name__"
_EVERYTHING = contracts.Matcher(_NAME, "=~", ".*")


class Names(NamedTuple):
    """A part of the metric names: these, or all others."""

    names: tuple[str, ...] = ()
    others: bool = True

    @property
    def matchers(self) -> tuple[contracts.Matcher, ...]:
        """What restricts a query to series with these names; series without name are others."""
        if self == ALL:
            return ()
        pattern = "|".join(map(quote_meta, self.names))
        return (contracts.Matcher(_NAME, "!~" if self.others else "=~", pattern),)

    def parted(self, known: Iterable[str], parts: int) -> "tuple[Names, ...]":
        """Return `parts` parts that together are this one, fewer if there are fewer names.

        `known` are names that exist; what is not known falls to the last part.
        """
        inside = sorted({n for n in known if n and (n in self.names) != self.others})
        size = max(1, -(-len(inside) // parts))
        pieces = tuple(
            Names(tuple(inside[at : at + size]), others=False) for at in range(0, len(inside), size)
        )
        if self.others:
            return (*pieces, Names(tuple(sorted({*self.names, *inside})), others=True))
        return pieces


ALL = Names()


def rule_set(rules: tuple[contracts.RuleMatchers, ...]) -> RuleSet:
    """Return the rules of a job in a form that can be tested. Raises `RuleError` for broken ones."""
    return RuleSet(tuple(Matcher(m.label, m.op, m.value) for m in rule) for rule in rules)


def queries(rules: RuleSet, window: Window, names: Names = ALL) -> tuple[Query, ...]:
    """Return one query for each rule. They may overlap: a series can come twice in the answer."""
    return tuple(
        Query(
            matchers=(*map(_guarded, rule), *names.matchers) or (_EVERYTHING,),
            # The server takes both ends in; a window excludes its start.
            start_ms=window.start_ms + 1,
            end_ms=window.end_ms,
        )
        for rule in rules.rules
    )


def is_open(query: Query) -> bool:
    """Return whether a series without any label would be selected, which PromQL refuses to ask."""
    return rule_set((query.matchers,)).matches({})


def _guarded(matcher: Matcher) -> contracts.Matcher:
    """Return the matcher as it is sent: an equality as a regular expression, a dot made plain.

    A name is left alone because nobody has an external label `__name__`; an empty one means that
    there is none, and would be ignored.
    """
    label, op, value = matcher
    if op == "=" and not (label == _NAME and value):
        return contracts.Matcher(label, "=~", quote_meta(value))
    return contracts.Matcher(*dots.worded(matcher))

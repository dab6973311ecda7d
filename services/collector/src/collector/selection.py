"""What a source is asked for: rules become the queries of a read request; pure.

Prometheus' remote-read handler removes every *equality* matcher whose value equals its external
label of that name, and an external label that it does not have counts as empty. So ``x=""`` would
be ignored by every server, and ``cluster="eu1"`` by the servers of that cluster: the answer would
be wider than the rule. An equality is therefore sent as a regular expression, which is never
removed and which the server turns back into an index lookup.
"""

from collector.schedule import Window
from tenantry_common import contracts
from tenantry_common.remote_read import Query
from tenantry_promql import Matcher, RuleSet, dots
from tenantry_promql.regexes import quote_meta

_NAME = "__name__"
_EVERYTHING = contracts.Matcher(_NAME, "=~", ".*")


def rule_set(rules: tuple[contracts.RuleMatchers, ...]) -> RuleSet:
    """Return the rules of a job in a form that can be tested. Raises `RuleError` for broken ones."""
    return RuleSet(tuple(Matcher(m.label, m.op, m.value) for m in rule) for rule in rules)


def queries(rules: RuleSet, window: Window) -> tuple[Query, ...]:
    """Return one query for each rule. They may overlap: a series can come twice in the answer."""
    return tuple(
        Query(
            matchers=tuple(map(_guarded, rule)) or (_EVERYTHING,),
            # The server takes both ends in; a window excludes its start.
            start_ms=window.start_ms + 1,
            end_ms=window.end_ms,
        )
        for rule in rules.rules
    )


def _guarded(matcher: Matcher) -> contracts.Matcher:
    """Return the matcher as it is sent: an equality as a regular expression, a dot made plain.

    A name is left alone because nobody has an external label `__name__`; an empty one means that
    there is none, and would be ignored.
    """
    label, op, value = matcher
    if op == "=" and not (label == _NAME and value):
        return contracts.Matcher(label, "=~", quote_meta(value))
    return contracts.Matcher(*dots.worded(matcher))

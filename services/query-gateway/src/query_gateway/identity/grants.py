"""From the names that somebody presents to the tenants that they hold; pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from query_gateway.identity.principal import Every, Held
from query_gateway.identity.settings import EVERY, Grant
from tenantry_common import relabel_regex, relabel_template

type _Rule = Callable[[str], Iterable[str]]


class Grants:
    """The grants of one mode, compiled."""

    def __init__(self, grants: Sequence[Grant]) -> None:
        # `*` counts only where the configuration says it: what a pattern matched may be a `*` too.
        self._every = [_applies(grant) for grant in grants if EVERY in grant.tenants]
        self._rules = [_rule(grant) for grant in grants]

    def tenants(self, names: Iterable[str]) -> Held | Every:
        """Return what follows from all of `names` together, possibly nothing."""
        presented = tuple(names)
        if any(applies(name) for applies in self._every for name in presented):
            return Every()
        return Held(frozenset(_all(self._rules, presented)))


def _all(rules: Iterable[_Rule], names: Sequence[str]) -> Iterator[str]:
    for rule in rules:
        for name in names:
            yield from (tenant for tenant in rule(name) if tenant and tenant != EVERY)


def _applies(grant: Grant) -> Callable[[str], bool]:
    if grant.name:
        return lambda name: name == grant.name
    match = relabel_regex.matcher(grant.pattern)
    return lambda name: match(name) is not None


def _rule(grant: Grant) -> _Rule:
    if grant.name:
        return lambda name: grant.tenants if name == grant.name else ()
    match = relabel_regex.matcher(grant.pattern)
    templates = [relabel_template.parse(tenant) for tenant in grant.tenants]

    def rule(name: str) -> Iterable[str]:
        groups = match(name)
        if groups is None:
            return ()
        return [relabel_template.expand(template, groups) for template in templates]

    return rule

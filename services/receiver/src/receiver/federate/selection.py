"""What a scrape asks for: selectors, a shard of the sources, the tenants that it may see; pure."""

from collections.abc import Collection, Iterable
from typing import Literal

from receiver.federate.index import Source
from tenantry_promql import Matcher, PromQLError, RuleError, RuleSet, parse_selector

_NAME = "__name__"
_MOST_SHARDS = 4096


class BadSelection(ValueError):
    """A parameter that cannot be what its name says; the text names it."""


class Selection:
    """The union of selectors; none at all selects everything, as at a telemeter server."""

    def __init__(self, selectors: Iterable[str]) -> None:
        """Read the selectors. Raises `BadSelection`."""
        self._all: list[RuleSet] = []
        self._some: list[tuple[RuleSet, tuple[Matcher, ...]]] = []
        for text in selectors:
            try:
                matchers = parse_selector(text)
                names = RuleSet([tuple(m for m in matchers if m.label == _NAME)])
                others = tuple(m for m in matchers if m.label != _NAME)
                RuleSet([others])
            except (PromQLError, RuleError) as error:
                raise BadSelection(f"match[]: {error}") from error
            if others:
                self._some.append((names, others))
            else:
                self._all.append(names)
        self._everything = not self._all and not self._some

    def of_name(self, name: str) -> Literal["all", "some", "none"]:
        """Say which series of a metric are selected, as far as the name decides it."""
        labels = {_NAME: name}
        if self._everything or any(names.matches(labels) for names in self._all):
            return "all"
        return "some" if any(names.matches(labels) for names, _ in self._some) else "none"

    def within(self, name: str) -> RuleSet:
        """Return what the selectors demand of the other labels of a metric, where it is "some"."""
        return RuleSet([others for names, others in self._some if names.matches({_NAME: name})])


class Shard:
    """One of several scrapes that together see every source once."""

    def __init__(self, text: str = "") -> None:
        """Read `i/n` with 1 <= i <= n; empty is all. Raises `BadSelection`."""
        number, slash, count = text.partition("/")
        digits = number.isascii() and number.isdigit() and count.isascii() and count.isdigit()
        if text and not (slash and digits and len(text) < 12):
            raise BadSelection("shard: write i/n, such as 1/3")
        self._number, self._count = (int(number), int(count)) if text else (1, 1)
        if not 1 <= self._number <= self._count <= _MOST_SHARDS:
            raise BadSelection(f"shard: write i/n with 1 <= i <= n <= {_MOST_SHARDS}")

    @property
    def is_all(self) -> bool:
        """Whether every source belongs to it."""
        return self._count == 1

    def holds(self, source: Source) -> bool:
        """Say whether a source belongs to it."""
        return int(source[1][-8:], 16) % self._count == self._number - 1


class Scope:
    """The tenants whose series a scrape may see."""

    def __init__(self, tenants: Collection[str] | None) -> None:
        """None is every tenant."""
        self._tenants = tenants if tenants is None else frozenset(tenants)

    @property
    def is_all(self) -> bool:
        """Whether nothing is withheld."""
        return self._tenants is None

    def holds(self, source: Source) -> bool:
        """Say whether a source is a tenant's of these."""
        return self._tenants is None or source[0].tenant in self._tenants

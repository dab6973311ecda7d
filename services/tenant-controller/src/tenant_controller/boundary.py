"""The platform owner's limits: what the tenants of a namespace can see at most; pure.

Without them, whoever may create a MetricAccess may read everything. A boundary is parsed once;
`$namespace` is put in after parsing, so that no namespace can change what a selector means.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tenant_controller import config
from tenant_controller.rules import Rule
from tenantry_promql import Matcher, PromQLError, RuleError, RuleSet, parse_selector

_PLACEHOLDER = "$namespace"


class Invalid(ValueError):
    """A boundary of the configuration is wrong; the text begins with its path."""


@dataclass(frozen=True)
class Boundary:
    """One parsed boundary."""

    namespaces: tuple[str, ...]
    rules: tuple[Rule, ...]

    def covers(self, namespace: str) -> bool:
        """Whether this boundary limits `namespace`: some pattern names it, and no ``!`` pattern."""
        names = [p for p in self.namespaces if not p.startswith("!")]
        excepted = [p.removeprefix("!") for p in self.namespaces if p.startswith("!")]
        return _any(names, namespace) and not _any(excepted, namespace)

    def of(self, namespace: str) -> tuple[Rule, ...]:
        """Return the rules for `namespace`, a valid name, so that it means itself in a regex."""
        return tuple(
            tuple(m._replace(value=m.value.replace(_PLACEHOLDER, namespace)) for m in rule)
            for rule in self.rules
        )


def _any(patterns: Sequence[str], namespace: str) -> bool:
    return any(fnmatchcase(namespace, pattern) for pattern in patterns)


@dataclass(frozen=True)
class Boundaries:
    """All boundaries of the platform."""

    all: tuple[Boundary, ...] = ()

    def narrow(self, permitted: RuleSet, namespace: str) -> RuleSet:
        """Return what of `permitted` the boundaries leave to `namespace`."""
        for boundary in self.all:
            if boundary.covers(namespace):
                permitted = permitted.conjoin(boundary.of(namespace))
        return permitted


def parse(settings: Sequence[config.Boundary]) -> Boundaries:
    """Read the boundaries of the configuration. Raises `Invalid` with the path of what is wrong."""
    return Boundaries(
        tuple(
            Boundary(
                boundary.namespaces,
                tuple(
                    _selector(text, f"$.boundaries[{i}].selectors[{j}]")
                    for j, text in enumerate(boundary.selectors)
                ),
            )
            for i, boundary in enumerate(settings)
        )
    )


def _selector(text: str, path: str) -> tuple[Matcher, ...]:
    try:
        matchers = parse_selector(text)
        RuleSet([matchers])
    except (PromQLError, RuleError) as error:
        raise Invalid(f"{path}: {error}") from error
    return matchers

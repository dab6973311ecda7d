"""The platform owner's limits: what the tenants of a namespace can see at most; pure.

Without them, whoever may create a MetricAccess may read everything. A boundary is parsed once;
`$namespace` is put in after parsing, so that no namespace can change what a selector means. Where
the labels of a namespace are not known, every boundary that asks for labels covers it: that can
only narrow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tenant_controller import config, label_selector
from tenant_controller.rules import Rule
from tenantry_promql import Matcher, PromQLError, RuleError, RuleSet, parse_selector

_PLACEHOLDER = "$namespace"

type Labels = frozenset[tuple[str, str]]
"""The labels of a namespace, hashable."""


class Invalid(ValueError):
    """A boundary of the configuration is wrong; the text begins with its path."""


@dataclass(frozen=True)
class Boundary:
    """One parsed boundary."""

    namespaces: tuple[str, ...]
    labels: label_selector.Selector
    rules: tuple[Rule, ...]

    def covers(self, namespace: str, labels: Labels | None) -> bool:
        """Whether this boundary limits `namespace`, which has `labels` (None: not known).

        Some pattern names it, and no ``!`` pattern; and its labels are selected.
        """
        if labels is not None and not label_selector.matches(self.labels, dict(labels)):
            return False
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

    @property
    def need_labels(self) -> bool:
        """Whether anything depends on the labels of namespaces."""
        return any(boundary.labels for boundary in self.all)

    def covering(self, namespace: str, labels: Labels | None = None) -> tuple[Boundary, ...]:
        """Return the boundaries that limit `namespace`."""
        return tuple(boundary for boundary in self.all if boundary.covers(namespace, labels))

    def narrow(self, permitted: RuleSet, namespace: str, labels: Labels | None = None) -> RuleSet:
        """Return what of `permitted` the boundaries leave to `namespace`."""
        for boundary in self.covering(namespace, labels):
            permitted = permitted.conjoin(boundary.of(namespace))
        return permitted


def parse(settings: Sequence[config.Boundary]) -> Boundaries:
    """Read the boundaries of the configuration. Raises `Invalid` with the path of what is wrong."""
    return Boundaries(
        tuple(
            Boundary(
                boundary.namespaces,
                _labels(boundary.namespace_selector, f"$.boundaries[{i}].namespace_selector"),
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


def _labels(text: str, path: str) -> label_selector.Selector:
    try:
        return label_selector.parse(text)
    except label_selector.Invalid as error:
        raise Invalid(f"{path}: {error}") from error

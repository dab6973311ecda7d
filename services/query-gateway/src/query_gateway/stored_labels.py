"""Whether a series of a remote-read answer is permitted by the labels under which it is stored; pure.

Answers carry the server's external labels where a series has no label of that name. Rules are about
what is stored, so these do not count. An external label that the series has itself, with the same
value, cannot be told from one that was added: a series that only such a label makes permitted is left
out. So a rule may grant less in remote read than in queries, never more.
"""

import itertools
from collections.abc import Iterator, Mapping

import tenantry_promql as promql
from query_gateway.answers import Violation
from tenantry_common.contracts import Backend

_MOST_COMPARED = 8


class StoredLabels:
    """The rules of a tenant, applied to answers of one backend."""

    def __init__(self, rules: promql.RuleSet, backend: Backend) -> None:
        self._rules = rules
        self._external = {**backend.external_labels, **backend.replica_labels}

    def admit(self, labels: Mapping[str, str]) -> bool:
        """Return whether the series is to be shown.

        Raises `Violation` for one that no reading of its labels permits.
        """
        if self._rules.matches(self.without_external(labels)):
            return True
        if any(map(self._rules.matches, self._readings(labels))):
            return False
        raise Violation

    def shown(self, labels: Mapping[str, str]) -> Mapping[str, str] | None:
        """Return what tells a series from others, None for one that is withheld. Raises `Violation`."""
        return self.without_external(labels) if self.admit(labels) else None

    def without_external(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Return the labels without those that the server may have added."""
        external = self._external
        return {name: value for name, value in labels.items() if external.get(name) != value}

    def _readings(self, labels: Mapping[str, str]) -> Iterator[dict[str, str]]:
        """Yield the labels as they may be stored, if some of the external ones are the series' own."""
        stored = self.without_external(labels)
        doubtful = [(name, value) for name, value in labels.items() if name not in stored]
        for count in range(1, min(len(doubtful), _MOST_COMPARED) + 1):
            for own in itertools.combinations(doubtful[:_MOST_COMPARED], count):
                yield stored | dict(own)

"""Which rule sets are tried, and what is asked under each; a seed and a number decide everything."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from tests.oracle.promql import handwritten, moments, rulesets, wire
from tests.oracle.promql.compare import Case
from tests.oracle.promql.grammar import Grammar
from tests.oracle.promql.rulesets import Given
from tests.oracle.promql.servers import Kind

GENERATED = "generated"
CORPUS = "corpus"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much of what is compared."""

    seed: int
    generated: int
    """Queries from the grammar under each rule set."""
    moments: int = 3
    """At how many of its three moments (an instant, another, a range) each query is asked."""
    categories: frozenset[str] = frozenset()
    """Categories of hand-written queries; empty for all."""
    corpus: tuple[str, ...] = ()
    """More queries (`corpus`), of a category of their own."""

    kinds: tuple[str, ...] = ()
    """Kinds of rule sets; empty for all."""

    def given(self, number: int, stored: Sequence[wire.Series]) -> Given:
        """Return rule set `number`."""
        rng = Random(f"{self.seed} rules {number}")  # noqa: S311 - must be repeatable
        return rulesets.draw(rng, [one.labels for one in stored], self.kinds)

    def cases(self, number: int, stored: Sequence[wire.Series], kind: Kind) -> list[Case]:
        """Return the comparisons under rule set `number`, in random order."""
        rng = Random(f"{self.seed} cases {number}")  # noqa: S311 - must be repeatable
        grammar = Grammar(rng, [one.labels for one in stored], kind.features)
        asked = [
            *self._handwritten(),
            *((CORPUS, query) for query in self.corpus),
            *((GENERATED, grammar.query()) for _ in range(self.generated)),
        ]
        rng.shuffle(asked)
        return [
            Case(category, query, moment)
            for category, query in asked
            for moment in rng.sample(moments.draw(rng), self.moments)
        ]

    def _handwritten(self) -> list[tuple[str, str]]:
        return [
            (category, query)
            for category, queries in handwritten.queries().items()
            if not self.categories or category in self.categories
            for query in queries
        ]

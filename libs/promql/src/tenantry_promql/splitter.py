"""Splits the selectors of one query, and stops when this becomes too much work or too much text."""

from collections.abc import Iterable, Sequence
from typing import NoReturn

from tenantry_promql.errors import LimitExceeded, Refused
from tenantry_promql.pieces import NOTHING_TEXT, Pieces
from tenantry_promql.rules import RuleSet
from tenantry_promql.settings import Limits, Upstream
from tenantry_promql.syntax import METRIC_NAME, Matcher, Selector


class Splitter:
    """Looks up how selectors are split; one object per query, since it adds up what that costs."""

    __slots__ = ("_effort", "_limits", "_rules", "_upstream", "_written", "restricted")

    def __init__(self, rules: RuleSet, upstream: Upstream, limits: Limits) -> None:
        self._rules = rules
        self._upstream = upstream
        self._limits = limits
        self._effort = 0
        self._written = 0
        self.restricted = False
        """Whether any selector so far needed a restriction."""

    def pieces(self, matchers: tuple[Matcher, ...]) -> tuple[Pieces, int]:
        """Look up pieces and their effort, as the upstream understands expressions."""
        return self._rules.pieces(matchers, dot_matches_newline=self._upstream.major >= 3)

    def split(self, selector: Selector) -> Pieces:
        """Return the pieces of a selector; raise Refused where they could not be sent."""
        pieces, effort = self.pieces(selector.matchers)
        self._effort += effort
        if self._effort > self._limits.comparisons:
            self._exceeded(
                "A query of this many selectors under this many permissions",
                "comparisons",
                self._limits.comparisons,
                "split the query",
            )
        if pieces.is_unrestricted:
            return pieces
        self.restricted = True
        if len(pieces.rules) > self._limits.pieces:
            self._exceeded(
                "A selector that has to be split into this many parts",
                "pieces",
                self._limits.pieces,
                "name the metric or add matchers so that fewer permissions apply",
            )
        if selector.name and METRIC_NAME in pieces.labels:
            # Prometheus: "metric name must not be set twice". Happens only for names that versions
            # of Unicode tables disagree about (regexes.verdict).
            raise Refused(
                "A selector of this metric",
                "versions of Prometheus may disagree about whether it is permitted",
                'write {__name__="…"} instead of the bare name',
            )
        if pieces.quotes_labels and self._upstream.major < 3:
            raise Refused(
                "A selector that has to be restricted by a label outside [a-zA-Z_][a-zA-Z0-9_]*",
                "the Prometheus behind this gateway cannot read such names in a query",
                "ask its operator for Prometheus 3",
            )
        return pieces

    def texts(self, selector: Selector, injected: Iterable[str]) -> list[str]:
        """Print a selector once for each text to inject; a selector of nothing where there is none."""
        texts = [selector.text(more) for more in injected] or [selector.text(NOTHING_TEXT)]
        # Each of them will be in the output at least once.
        self._written += sum(map(len, texts))
        self._check_size(self._written)
        return texts

    def checked(self, texts: Sequence[str]) -> Sequence[str]:
        """Return texts that are about to be joined, or raise LimitExceeded.

        Parameters of functions are repeated in each copy of a call, so nested ones multiply.
        """
        self._check_size(sum(map(len, texts)))
        return texts

    def whole(self, text: str) -> str:
        """Return a finished query, or raise LimitExceeded."""
        self._check_size(len(text) if text.isascii() else len(text.encode()))
        return text

    def _check_size(self, size: int) -> None:
        if size > self._limits.output_bytes:
            self._exceeded(
                "A query that grows this large when it is restricted",
                "output_bytes",
                self._limits.output_bytes,
                "use fewer selectors in one query, above all in parameters of functions",
            )

    def _exceeded(self, what: str, limit: str, value: int, instead: str) -> NoReturn:
        raise LimitExceeded(what, limit, value, instead)

"""What a rewriting depends on besides the query and the rules: limits, and what the upstream can do."""

from typing import NamedTuple


class Limits(NamedTuple):
    """Bounds on one rewriting, so that a hostile query costs little time and memory."""

    query_bytes: int = 64 * 1024
    """Longest query that is read, in bytes of UTF-8."""

    depth: int = 100
    """Deepest nesting of calls, aggregations and parentheses."""

    regex_size: int = 200_000
    """Instructions that the regular expressions of a query compile to: 200,000 take about 0.2 s."""

    comparisons: int = 30_000
    """Most comparisons: of a selector with the rules that may concern it, of values with expressions."""

    pieces: int = 64
    """Most alternatives that one selector may be split into."""

    output_bytes: int = 256 * 1024
    """Longest rewritten query, in bytes of UTF-8. Parameters that are unions multiply."""


class Upstream(NamedTuple):
    """The properties of the Prometheus that evaluates the rewritten query. False is always the stricter."""

    major: int
    """2 or 3. Label names outside `[a-zA-Z_][a-zA-Z0-9_]*` can be written from 3 on."""

    label_replace_keeps_histograms: bool
    """False where `label_replace` drops native histogram samples (2.42 does): name tags would lose them."""

    delayed_name_removal: bool
    """It runs with the feature flag `promql-delayed-name-removal`: functions keep the name until the end."""

    experimental_functions: bool
    """Feature flag `promql-experimental-functions`. When False, they are refused here in Prometheus' words."""

    immediate_name_removal: bool = False
    """It runs without that flag: functions drop the name, and report what then collides, at once."""

    info_over_unions: bool = False
    """Its `info()` is right for unions. Before 3.7 it confuses series that come and go (#17134)."""

    @classmethod
    def strictest(cls) -> "Upstream":
        """Assume only what holds for every supported version, so that what is sent is exact on all of them.

        Experimental functions stay allowed: an upstream without them says so itself.
        """
        return cls(
            major=2,
            label_replace_keeps_histograms=False,
            delayed_name_removal=False,
            experimental_functions=True,
        )

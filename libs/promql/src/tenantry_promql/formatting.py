"""A query written in one canonical spacing, for people."""

from tenantry_promql.reader import read
from tenantry_promql.settings import Limits
from tenantry_promql.syntax import to_text

_DEFAULT_LIMITS = Limits()


def format_query(query: str, *, limits: Limits = _DEFAULT_LIMITS) -> str:
    """Return the query with one spacing throughout and without comments.

    Unlike Prometheus' formatter it keeps every token as it was written (quotes, numbers, the order of
    matchers) and the whole on one line. Raises as `rewrite_query` does for what cannot be read.
    """
    return to_text(read(query, limits))

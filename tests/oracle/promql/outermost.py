"""What a query does last."""

from tenantry_promql import PromQLError
from tenantry_promql.reader import read
from tenantry_promql.syntax import Node, without_parens


def outermost(query: str) -> Node | None:
    """Return the outermost operation of a query; None for what is no query."""
    try:
        return without_parens(read(query))
    except PromQLError:
        return None

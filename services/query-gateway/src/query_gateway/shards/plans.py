"""A plan: which queries go to every shard, and what is computed from their answers; values only.

The leaves are fetched from the backends; everything above a leaf is computed by `evaluate`.
"""

from dataclasses import dataclass
from typing import Literal

from tenantry_promql.operations import Grouping, Matching

type Merge = Literal["disjoint", "distinct", "everywhere", "sum", "min", "max", "any"]
"""What the answers of several shards make together: the union of elements that no two of them have
at one time, or (`distinct`) at any time; the elements that all of them have; the sum, least or greatest value of elements with equal labels;
`any`: every shard answers the same, one is asked."""

type Kind = Literal["scalar", "vector", "matrix"]


@dataclass(frozen=True, slots=True)
class Fetch:
    """A query that shards answer, and how their answers are merged."""

    query: str
    """PromQL of the tenant, not yet rewritten for its rules."""
    merge: Merge
    kind: Kind = "vector"


@dataclass(frozen=True, slots=True)
class Number:
    """A number literal."""

    value: float


@dataclass(frozen=True, slots=True)
class Aggregated:
    """An aggregation over a vector that is put together first."""

    op: str
    grouping: Grouping
    inner: "Plan"
    parameter: "Plan | None" = None


@dataclass(frozen=True, slots=True)
class Mean:
    """Sums divided by counts: what is left of `avg`. A sum that is not finite is refused."""

    sums: Fetch
    counts: Fetch


@dataclass(frozen=True, slots=True)
class Negated:
    """Unary minus."""

    inner: "Plan"


@dataclass(frozen=True, slots=True)
class Combined:
    """A binary operation; `matching` only between two vectors."""

    op: str
    left: "Plan"
    right: "Plan"
    returns_bool: bool = False
    matching: Matching | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """A function that sees values and labels of a vector, or a scalar, at one time only."""

    function: str
    arguments: tuple["Plan", ...]
    texts: tuple[str, ...] = ()
    """The string arguments, unquoted; they come last in PromQL's signatures."""


type Plan = Fetch | Number | Aggregated | Mean | Negated | Combined | Applied


@dataclass(frozen=True, slots=True)
class Whole:
    """The query goes to one shard as it is: nothing else can hold what it reads."""

    query: str
    shard: str


def fetches(plan: Plan) -> tuple[Fetch, ...]:
    """Return the distinct leaves of a plan that have to be fetched, in the order of the query."""
    return tuple(dict.fromkeys(_leaves(plan)))


def _leaves(plan: Plan) -> list[Fetch]:
    match plan:
        case Fetch():
            return [plan]
        case Number():
            return []
        case Mean():
            return [plan.sums, plan.counts]
        case Negated():
            return _leaves(plan.inner)
        case Combined():
            return _leaves(plan.left) + _leaves(plan.right)
        case Aggregated():
            parameter = _leaves(plan.parameter) if plan.parameter is not None else []
            return parameter + _leaves(plan.inner)
        case Applied():
            return [leaf for argument in plan.arguments for leaf in _leaves(argument)]

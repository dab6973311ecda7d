"""From a plan to the requests that it needs, and from their answers to the answer of the query; pure."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from query_gateway import unions
from query_gateway.shards import answers_json, frames, plans, union
from query_gateway.shards.answers_json import Grid, Read
from query_gateway.shards.evaluate import evaluate
from query_gateway.shards.frames import Frame, Uncomputable
from query_gateway.shards.plans import Fetch, Plan


class Wanted(NamedTuple):
    """One query for one shard."""

    fetch: Fetch
    shard: str


def wanted(plan: Plan, shards: Sequence[str]) -> tuple[Wanted, ...]:
    """Return what has to be asked of the `shards`, of which there is at least one."""
    return tuple(
        Wanted(fetch, shard)
        for fetch in plans.fetches(plan)
        for shard in (shards[:1] if fetch.merge == "any" else shards)
    )


def check(plan: Plan, fetch: Fetch, body: bytes, grid: Grid) -> None:
    """Raise NotAnAnswer for the answer of a backend that `assembled` would not take."""
    if fetch.merge == "any" and plan == fetch:
        unions.check([body])  # passed on as it is
    elif plan == fetch and fetch.merge in ("disjoint", "distinct"):
        union.check(body, "matrix" if grid.is_range or fetch.kind == "matrix" else "vector")
    else:
        with contextlib.suppress(Uncomputable):  # an answer, of which the tenant will hear
            answers_json.read(body, grid, scalar=fetch.kind == "scalar")


def assembled(plan: Plan, bodies: Mapping[Wanted, bytes], grid: Grid, *, limit: int) -> bytes:
    """Return the answer of the query from the answers of the shards, at most `limit` series (0: all).

    Raises EvaluationError, Uncomputable, and NotAnAnswer for a body that is none.
    """
    if isinstance(plan, Fetch) and plan.merge == "any":
        (body,) = bodies.values()
        return body
    if isinstance(plan, Fetch) and plan.merge in ("disjoint", "distinct"):
        whole = union.united(list(bodies.values()), limit, by_step=_by_step(plan))
        if whole is not None:
            return whole
    read = {
        one: answers_json.read(body, grid, scalar=one.fetch.kind == "scalar")
        for one, body in bodies.items()
    }
    fetched = {fetch: _merged(fetch, read) for fetch in plans.fetches(plan)}
    return answers_json.written(
        evaluate(plan, fetched, grid.count),
        grid,
        limit=limit,
        warnings=[text for one in read.values() for text in one.warnings],
        infos=[text for one in read.values() for text in one.infos],
    )


def _by_step(fetch: Fetch) -> bool:
    """Say whether elements with equal labels may be merged step by step, when they have different ones."""
    return fetch.merge == "disjoint" and fetch.kind == "vector"


def _merged(fetch: Fetch, read: Mapping[Wanted, Read]) -> Frame:
    parts = [one.frame for which, one in read.items() if which.fetch == fetch]
    if fetch.kind == "scalar":
        return parts[0]
    return frames.merged(fetch.merge, [frames.as_vector(part) for part in parts])

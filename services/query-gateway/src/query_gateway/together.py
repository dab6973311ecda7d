"""Ask several shards at the same time, and say what is missing or why there is no answer."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from query_gateway.answers import Violation
from query_gateway.config import TenantLimits
from query_gateway.failures import Failure, Kind

_MISSING: frozenset[Kind] = frozenset(("backends", "timeout"))
_FIRST: Sequence[Kind] = ("upstream_bad_data", "syntax", "refused", "limit", "upstream_execution")
"""The kinds of failure that say most about the query, before those about servers."""


@dataclass(frozen=True, kw_only=True)
class Found[K, T]:
    """What shards answered."""

    answers: Mapping[K, T]
    warnings: tuple[str, ...] = ()
    """One for each shard that is missing."""


async def ask[K, T](
    asking: Mapping[K, Awaitable[T]],
    shard: Callable[[K], str],
    *,
    seconds: float,
    is_partial: bool,
) -> Found[K, T]:
    """Ask all, each for at most so many `seconds`, the limit `shard_seconds`.

    Raises the `Failure` that says most; where `is_partial`, not for shards that do not answer, as long
    as one does. `Violation` is raised again.
    """

    async def outcome(answer: Awaitable[T]) -> T | Failure | Violation:
        try:
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError:
            text = f"no answer within {seconds:g} s (limit shard_seconds)"
            return Failure("timeout", text)
        except (Failure, Violation) as failure:
            return failure  # as a value: a group would hide it

    async with asyncio.TaskGroup() as group:
        tasks = {one: group.create_task(outcome(answer)) for one, answer in asking.items()}
    outcomes = {one: task.result() for one, task in tasks.items()}
    for got in outcomes.values():
        if isinstance(got, Violation):
            raise got
    found = {one: got for one, got in outcomes.items() if not isinstance(got, Failure | Violation)}
    failed = {one: got for one, got in outcomes.items() if isinstance(got, Failure)}
    grave = [one for one in failed.values() if one.kind not in _MISSING]
    if grave:
        raise min(grave, key=_rank)
    if failed and not (is_partial and found):
        first, failure = next(iter(failed.items()))
        raise Failure(failure.kind, f"shard {shard(first)}: {failure.text}")
    missing = sorted({shard(one) for one in failed})
    texts = tuple(f"the answer is partial: shard {name} did not answer" for name in missing)
    return Found(answers=found, warnings=texts)


def check_number(count: int, own: TenantLimits) -> None:
    """Refuse more requests to backends than a tenant may cause at once. Raises `Failure`."""
    if count > own.upstream_queries:
        raise Failure(
            "limit",
            f"the limit upstream_queries is {own.upstream_queries}, and this would need {count} over "
            "all shards; ask for less at once",
        )


def _rank(failure: Failure) -> int:
    return _FIRST.index(failure.kind) if failure.kind in _FIRST else len(_FIRST)

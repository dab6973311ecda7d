"""Shards are asked at the same time; what one failure says of all."""

import asyncio

import pytest

from query_gateway import together
from query_gateway.answers import Violation
from query_gateway.config import TenantLimits
from query_gateway.failures import Failure, Kind
from query_gateway.together import Found


async def gives(value: int | Exception) -> int:
    if isinstance(value, Exception):
        raise value
    return value


async def ask(
    *values: int | Exception, is_partial: bool = False, seconds: float = 20
) -> Found[str, int]:
    asking = {f"s{number}": gives(value) for number, value in enumerate(values)}
    return await together.ask(asking, str, seconds=seconds, is_partial=is_partial)


async def test_all_answers_are_returned() -> None:
    assert await ask(1, 2) == Found(answers={"s0": 1, "s1": 2})


@pytest.mark.parametrize("kind", ["backends", "timeout"])
async def test_a_shard_that_is_missing_is_named(kind: Kind) -> None:
    gone = Failure(kind, "gone")

    with pytest.raises(Failure, match="shard s1: gone") as failed:
        await ask(1, gone)
    assert failed.value.kind == kind

    partial = await ask(1, gone, is_partial=True)
    assert partial.answers == {"s0": 1}
    assert partial.warnings == ("the answer is partial: shard s1 did not answer",)


async def test_no_part_at_all_is_no_partial_answer() -> None:
    with pytest.raises(Failure, match="shard s0"):
        await ask(Failure("backends", "gone"), Failure("backends", "gone"), is_partial=True)


async def test_what_says_most_about_the_query_is_raised() -> None:
    gone, execution, bad = (
        Failure(kind, kind) for kind in ("backends", "upstream_execution", "upstream_bad_data")
    )
    with pytest.raises(Failure) as failed:
        await ask(gone, execution, bad, is_partial=True)
    assert failed.value is bad


async def test_a_violation_stays_one() -> None:
    with pytest.raises(Violation):
        await ask(1, Violation(), Failure("backends", "gone"))


async def test_one_that_takes_too_long_is_missing() -> None:
    with pytest.raises(Failure, match=r"limit shard_seconds"):
        await together.ask({"s0": asyncio.sleep(30, 1)}, str, seconds=0.01, is_partial=False)


def test_too_many_requests_are_refused_by_the_limits_name() -> None:
    together.check_number(3, TenantLimits(upstream_queries=3))
    with pytest.raises(Failure, match="upstream_queries is 3"):
        together.check_number(4, TenantLimits(upstream_queries=3))

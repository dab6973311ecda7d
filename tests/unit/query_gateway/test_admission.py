"""Each tenant has its own places and its own short line, and all share what there is."""

import asyncio
import contextlib

import pytest

from query_gateway.admission import Admission
from query_gateway.config import TenantLimits
from query_gateway.failures import Failure


def limits(concurrent: int = 1, waiting: int = 9, wait_seconds: float = 5) -> TenantLimits:
    return TenantLimits(
        concurrent_per_tenant=concurrent, waiting_per_tenant=waiting, wait_seconds=wait_seconds
    )


class Guests:
    """Requests that stay until they are told to go."""

    def __init__(self, admission: Admission, group: asyncio.TaskGroup) -> None:
        self._admission = admission
        self._group = group
        self.doors: dict[str, asyncio.Event] = {}
        self.inside: list[str] = []

    async def come(self, name: str, own: TenantLimits) -> asyncio.Task[None]:
        """Let a request of the tenant named by the first letter come, and do what it can."""
        self.doors[name] = asyncio.Event()
        task = self._group.create_task(self._stay(name, own))
        await self.settle()
        return task

    async def go(self, name: str) -> None:
        """Let a request go."""
        self.doors[name].set()
        await self.settle()

    async def settle(self) -> None:
        """Let every task run until it waits."""
        for _ in range(5):
            await asyncio.sleep(0)

    async def _stay(self, name: str, own: TenantLimits) -> None:
        async with self._admission.place(name[0], own):
            self.inside.append(name)
            await self.doors[name].wait()
            self.inside.remove(name)


async def test_one_tenants_load_takes_no_other_tenants_place() -> None:
    admission = Admission(10)

    async with admission.place("a", limits()), admission.place("b", limits()):
        assert (admission.waiting, admission.active_tenants) == (0, 2)


async def test_a_request_waits_for_a_place() -> None:
    admission = Admission(10)
    async with asyncio.TaskGroup() as group:
        guests = Guests(admission, group)
        for name in ("a1", "a2", "a3"):
            await guests.come(name, limits())
        before = [*guests.inside], admission.waiting
        await guests.go("a1")
        after = [*guests.inside], admission.waiting
        await guests.go("a2")
        await guests.go("a3")

    assert (before, after) == ((["a1"], 2), (["a2"], 1))
    assert (admission.waiting, admission.active_tenants) == (0, 0)


async def test_when_all_places_are_taken_the_tenant_with_the_fewest_is_next() -> None:
    admission = Admission(2)
    async with asyncio.TaskGroup() as group:
        guests = Guests(admission, group)
        for name in ("a1", "a2", "a3", "a4", "b1"):
            await guests.come(name, limits(concurrent=9))
        await guests.go("a1")
        inside = [*guests.inside]
        for name in ("a2", "b1", "a3", "a4"):
            await guests.go(name)

    assert inside == ["a2", "b1"]


async def test_beyond_the_line_a_request_is_turned_away_with_the_limits_name() -> None:
    admission = Admission(10)

    async with admission.place("a", limits()):
        with pytest.raises(Failure, match="the limit waiting_per_tenant is 0") as raised:
            async with admission.place("a", limits(waiting=0)):
                pass

    assert (raised.value.status, raised.value.retry_after) == (429, 1)


async def test_nobody_waits_for_ever() -> None:
    admission = Admission(10)

    async with admission.place("a", limits()):
        with pytest.raises(Failure, match="concurrent_per_tenant is 1") as raised:
            async with admission.place("a", limits(wait_seconds=0.01)):
                pass

    assert raised.value.status == 429
    assert (admission.waiting, admission.active_tenants) == (0, 0)


async def test_a_place_is_free_again_however_it_was_left() -> None:
    admission = Admission(1)

    with contextlib.suppress(ZeroDivisionError):
        async with admission.place("a", limits(waiting=0)):
            raise ZeroDivisionError

    async with admission.place("a", limits(waiting=0)):
        pass


async def test_who_goes_away_while_waiting_is_not_served() -> None:
    admission = Admission(1)
    async with asyncio.TaskGroup() as group:
        guests = Guests(admission, group)
        await guests.come("a1", limits())
        gone = await guests.come("b1", limits())
        await guests.come("c1", limits())
        gone.cancel()
        await guests.settle()
        await guests.go("a1")
        inside = [*guests.inside]
        await guests.go("c1")

    assert inside == ["c1"]


async def test_a_place_that_was_given_to_one_who_went_away_is_given_to_the_next() -> None:
    admission = Admission(1)
    async with asyncio.TaskGroup() as group:
        guests = Guests(admission, group)
        await guests.come("a1", limits())
        both_at_once = [await guests.come("b1", limits()), await guests.come("c1", limits())]
        # Without a pause between: the place is given and the request is cancelled.
        guests.doors["a1"].set()
        await asyncio.sleep(0)
        both_at_once[0].cancel()
        await guests.settle()
        inside = [*guests.inside]
        await guests.go("c1")

    assert inside == ["c1"]
    assert (admission.waiting, admission.active_tenants) == (0, 0)


async def test_a_cancelled_request_that_is_called_before_it_left_the_line_passes_its_place_on() -> (
    None
):
    admission = Admission(1)
    async with asyncio.TaskGroup() as group:
        guests = Guests(admission, group)
        await guests.come("a1", limits())
        gone = await guests.come("b1", limits())
        await guests.come("c1", limits())
        gone.cancel()
        guests.doors["a1"].set()
        await guests.settle()
        inside = [*guests.inside]
        await guests.go("c1")

    assert inside == ["c1"]
    assert (admission.waiting, admission.active_tenants) == (0, 0)

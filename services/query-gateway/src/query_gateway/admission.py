"""A place with the backends for every request that is let in; the others wait in fair order."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from query_gateway.config import TenantLimits
from query_gateway.failures import Failure
from query_gateway.fair import FairQueue

type _Waiting = asyncio.Future[None]


class Admission:
    """Give requests their places: so many of each tenant, and so many of all together."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._queue: FairQueue[_Waiting] = FairQueue(places)

    @property
    def waiting(self) -> int:
        """Requests of all tenants that wait for a place."""
        return self._queue.waiting

    @property
    def active_tenants(self) -> int:
        """Tenants with a request under way or waiting."""
        return self._queue.active_tenants

    @contextlib.asynccontextmanager
    async def place(self, tenant: str, limits: TenantLimits) -> AsyncIterator[None]:
        """Hold a place for `tenant`; wait for it if need be. Raises `Failure` when there is none."""
        if not self._queue.enter(tenant, limits.concurrent_per_tenant):
            await self._wait(tenant, limits)
        try:
            yield
        finally:
            self._queue.leave(tenant)
            self._call_next()

    async def _wait(self, tenant: str, limits: TenantLimits) -> None:
        if self._queue.waiting_of(tenant) >= limits.waiting_per_tenant:
            raise Failure(
                "too_many",
                f"the limit waiting_per_tenant is {limits.waiting_per_tenant}",
                retry_after=1,
            )
        turn: _Waiting = asyncio.get_running_loop().create_future()
        self._queue.wait(tenant, limits.concurrent_per_tenant, turn)
        try:
            async with asyncio.timeout(limits.wait_seconds):
                await turn
        except BaseException as error:
            self._leave_line(tenant, turn)
            if isinstance(error, TimeoutError):
                raise self._too_long(limits) from None
            raise

    def _leave_line(self, tenant: str, turn: _Waiting) -> None:
        if turn.done() and not turn.cancelled():
            # The place was given in the moment in which the request gave up.
            self._queue.leave(tenant)
            self._call_next()
        else:
            self._queue.give_up(tenant, turn)

    def _call_next(self) -> None:
        while (chosen := self._queue.next()) is not None:
            tenant, turn = chosen
            if turn.done():  # cancelled, and has not left the line yet
                self._queue.leave(tenant)
            else:
                turn.set_result(None)

    def _too_long(self, limits: TenantLimits) -> Failure:
        return Failure(
            "too_many",
            f"no place became free within wait_seconds ({limits.wait_seconds:g}); the limit "
            f"concurrent_per_tenant is {limits.concurrent_per_tenant}, and all tenants together "
            f"have {self._places} (concurrent)",
            retry_after=1,
        )

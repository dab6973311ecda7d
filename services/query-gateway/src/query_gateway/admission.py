"""A place with the backends for every request that is let in; the others wait in fair order."""

import asyncio
import contextlib

from query_gateway.config import TenantLimits
from query_gateway.failures import Failure
from query_gateway.fair import FairQueue

type _Waiting = asyncio.Future[None]


class _Place:
    """The context of a place. (A class, because a generator would cost microseconds.)"""

    def __init__(self, admission: "Admission", tenant: str, limits: TenantLimits) -> None:
        self._admission = admission
        self._tenant = tenant
        self._limits = limits

    async def __aenter__(self) -> None:
        await self._admission._enter(self._tenant, self._limits)

    async def __aexit__(self, *_: object) -> None:
        self._admission._leave(self._tenant)


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

    def place(
        self, tenant: str, limits: TenantLimits
    ) -> contextlib.AbstractAsyncContextManager[None]:
        """Return the context of a place for `tenant`.

        Waits for it, if need be, when it is entered, and raises `Failure` when there is none.
        """
        return _Place(self, tenant, limits)

    async def _enter(self, tenant: str, limits: TenantLimits) -> None:
        if not self._queue.enter(tenant, limits.concurrent_per_tenant):
            await self._wait(tenant, limits)

    def _leave(self, tenant: str) -> None:
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

"""Perform blows: kill or pause processes, wait, and bring them back."""

import asyncio
import contextlib
from collections.abc import Sequence

import aiohttp
from tests.oracle.delivery.chaos import Blow, Victim
from tests.oracle.delivery.fleet import Fleet

from tenantry_local.errors import StartFailed
from tenantry_local.supervisor import Supervisor

_FLUSH_SECONDS = 60.0
_TRIES = 3


class Striker:
    """Strikes the processes of one fleet."""

    def __init__(self, supervisor: Supervisor, fleet: Fleet) -> None:
        self._supervisor = supervisor
        self._fleet = fleet

    async def strike(self, blow: Blow) -> None:
        """Return when everything that was hit runs again."""
        names = [victim.name for victim in blow.victims]
        if blow.act == "pause":
            await self._pause(names, blow.seconds)
            return
        await self._kill(blow.victims)
        await asyncio.sleep(blow.seconds)
        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(self._bring_back(name))

    async def _bring_back(self, name: str) -> None:
        """Start again what was killed; where many others want the cores that may take several tries."""
        for _ in range(_TRIES - 1):
            with contextlib.suppress(StartFailed):
                await self._supervisor.restart(name)
                return
        await self._supervisor.restart(name)

    async def _pause(self, names: Sequence[str], seconds: float) -> None:
        for name in names:
            self._supervisor[name].pause()
        await asyncio.sleep(seconds)
        for name in names:
            self._supervisor[name].resume()

    async def _kill(self, victims: Sequence[Victim]) -> None:
        forgetful = self._fleet.victoria.name
        if forgetful not in (victim.name for victim in victims):
            await self._kill_together(victims)
            return
        writers = [
            self._supervisor[one.name] for one in self._fleet.victims if one.kind == "writer"
        ]
        for writer in writers:
            writer.pause()
        try:
            await self._have_it_remember()
            await self._kill_together(victims)
        finally:
            for writer in writers:
                writer.resume()

    async def _kill_together(self, victims: Sequence[Victim]) -> None:
        async with asyncio.TaskGroup() as group:
            for victim in victims:
                group.create_task(self._supervisor.kill(victim.name))

    async def _have_it_remember(self) -> None:
        """Have VictoriaMetrics put on disk what it has acknowledged: by itself it does so later.

        Killed in between it forgets what it has confirmed, which no sender can know of. The writers
        stand still meanwhile, so that nothing is confirmed after this and before the kill.
        """
        url = self._fleet.victoria.url
        async with aiohttp.ClientSession(raise_for_status=True) as session:
            async with asyncio.timeout(_FLUSH_SECONDS):
                while not await _is_idle(session, url):  # noqa: ASYNC110 - only asking tells
                    await asyncio.sleep(0.05)
            for path in ("/snapshot/create", "/snapshot/delete_all"):
                async with session.get(url + path) as answer:
                    await answer.read()


async def _is_idle(session: aiohttp.ClientSession, url: str) -> bool:
    async with session.get(f"{url}/metrics") as answer:
        return "\nvm_concurrent_insert_current 0\n" in await answer.text()

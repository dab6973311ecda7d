"""Probe every target at an interval, all at once, and keep the newest observation of each."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping

from discovery.observation import Observation
from discovery.target import Target
from tenantry_common import tasks

type Probe = Callable[[Target], Awaitable[Observation]]


class Prober:
    """The loop that asks. `on_observation` is called after each answer."""

    def __init__(
        self,
        probe: Probe,
        interval: float,
        on_observation: Callable[[], None],
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._probe = probe
        self._interval = interval
        self._on_observation = on_observation
        self._targets: Mapping[str, Target] = {}
        self._observations: dict[str, Observation] = {}
        self._more = asyncio.Event()
        self._now = now
        self._seen: dict[str, float] = {}

    @property
    def observations(self) -> Mapping[str, Observation]:
        """The newest observation of each target, by id."""
        return self._observations

    @property
    def seen(self) -> Mapping[str, float]:
        """When each target was last found ready, by id, in seconds since the epoch."""
        return self._seen

    def track(self, targets: Mapping[str, Target]) -> None:
        """Probe those that are ready from now on, new ones at once; forget all others."""
        ready = {id_: target for id_, target in targets.items() if not target.unready}
        for id_, known in self._targets.items():
            if id_ not in ready or _asked(ready[id_]) != _asked(known):
                self._observations.pop(id_, None)
        self._targets = ready
        self._seen = {id_: when for id_, when in self._seen.items() if id_ in targets}
        self._more.set()

    async def run(self) -> None:
        """Probe for ever."""
        await tasks.forever("probe", self._round)

    async def _round(self) -> None:
        """Probe all targets, then those that appear until the next round is due."""
        loop = asyncio.get_running_loop()
        next_round = loop.time() + self._interval
        await self._probe_all(self._targets)
        while loop.time() < next_round:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(next_round):
                    await self._more.wait()
            self._more.clear()
            await self._probe_all(
                {k: v for k, v in self._targets.items() if k not in self._observations}
            )

    async def _probe_all(self, targets: Mapping[str, Target]) -> None:
        async with asyncio.TaskGroup() as group:
            for id_, target in targets.items():
                tasks.spawn(group, f"probe {id_}", self._probe_one(id_, target))

    async def _probe_one(self, id_: str, target: Target) -> None:
        observation = await self._probe(target)
        # While it was asked, the source may have dropped it or pointed it elsewhere.
        current = self._targets.get(id_)
        if current is not None and _asked(current) == _asked(target):
            self._observations[id_] = observation
            if observation.ready is None:
                self._seen[id_] = self._now()
            self._on_observation()


def _asked(target: Target) -> tuple[str, str]:
    return target.url, target.access

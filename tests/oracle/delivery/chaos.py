"""Who is killed or paused, when and for how long; pure, from a seed."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Literal

type Act = Literal["kill", "pause"]


@dataclass(frozen=True, order=True)
class Victim:
    """A process that may be hit."""

    kind: str
    """What it is one of: ``writer``."""
    name: str
    """Its own name: ``writer-2``."""


@dataclass(frozen=True)
class Blow:
    """One disturbance: what happens to whom at once, and for how many seconds."""

    act: Act
    victims: tuple[Victim, ...]
    seconds: float

    def __str__(self) -> str:
        names = " and ".join(victim.name for victim in self.victims)
        return f"{self.act} {names} for {self.seconds} s"


def single(victims: Sequence[Victim], count: int, rng: random.Random) -> Iterator[Blow]:
    """Yield `count` blows against one process each; every process is hit about equally often."""
    queue: list[Victim] = []
    for _ in range(count):
        if not queue:
            queue = rng.sample(victims, len(victims))
        act: Act = "kill" if rng.random() < 0.7 else "pause"
        yield Blow(act, (queue.pop(),), round(rng.uniform(0.2, 4.0), 1))


def pairs(victims: Sequence[Victim], rng: random.Random) -> Iterator[Blow]:
    """Yield a kill of every pair of kinds at the same moment, also of two of one kind."""
    kinds = sorted({victim.kind for victim in victims})
    for one, other in combinations_with_replacement(kinds, 2):
        first = rng.choice([victim for victim in victims if victim.kind == one])
        others = [victim for victim in victims if victim.kind == other and victim != first]
        if others:
            yield Blow("kill", (first, rng.choice(others)), round(rng.uniform(0.2, 3.0), 1))

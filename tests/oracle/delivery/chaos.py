"""Who is killed or paused, when and for how long; pure, from a seed."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

type Act = Literal["kill", "pause"]


@dataclass(frozen=True)
class Blow:
    """One disturbance: what happens to whom at once, and for how many seconds."""

    act: Act
    victims: tuple[str, ...]
    seconds: float


def single(victims: Sequence[str], count: int, rng: random.Random) -> Iterator[Blow]:
    """Yield `count` blows against one process each; every process is hit about equally often."""
    queue: list[str] = []
    for _ in range(count):
        if not queue:
            queue = rng.sample(victims, len(victims))
        act: Act = "kill" if rng.random() < 0.7 else "pause"
        yield Blow(act, (queue.pop(),), round(rng.uniform(0.2, 4.0), 1))


def pairs(victims: Sequence[str], rng: random.Random) -> Iterator[Blow]:
    """Yield a kill of every pair of kinds of process, both at the same moment."""
    kinds = sorted({kind(victim) for victim in victims})
    for one, other in combinations(kinds, 2):
        chosen = tuple(rng.choice([v for v in victims if kind(v) == k]) for k in (one, other))
        yield Blow("kill", chosen, round(rng.uniform(0.2, 3.0), 1))


def kind(victim: str) -> str:
    """Return what `victim` is one of: ``writer-2`` is a writer."""
    return victim.rstrip("0123456789abc").rstrip("-") if "-" in victim else victim

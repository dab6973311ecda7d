"""Delays between attempts: exponential with full jitter; pure."""

import random
from collections.abc import Callable, Iterator


def delays(
    first: float, limit: float, *, rng: Callable[[], float] = random.random
) -> Iterator[float]:
    """Yield seconds to wait before each further attempt, for ever.

    The n-th delay lies between half of and all of ``min(limit, first * 2**n)``, so that many
    clients that failed together do not come back together.
    """
    ceiling = first
    while True:
        yield ceiling * (0.5 + rng() / 2)
        ceiling = min(limit, ceiling * 2)

"""Rendezvous hashing: which members are responsible for a key; pure.

When a member comes or goes, only the keys that it wins or held move (Thaler and Ravishankar,
1998).
"""

import hashlib
from collections.abc import Iterable


def owners(key: str, members: Iterable[str], count: int = 1) -> tuple[str, ...]:
    """Return the `count` members responsible for `key`, the preferred one first."""
    ranked = sorted(members, key=lambda member: (_weight(key, member), member), reverse=True)
    return tuple(ranked[:count])


def _weight(key: str, member: str) -> bytes:
    return hashlib.blake2b(f"{len(key)}:{key}{member}".encode(), digest_size=8).digest()

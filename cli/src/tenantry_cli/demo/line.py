"""One line of the proof."""

from typing import NamedTuple


class Line(NamedTuple):
    """A claim, what was seen of it, and whether it holds."""

    part: str
    claim: str
    seen: str
    holds: bool

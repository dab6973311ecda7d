"""What the files of a folder held when it was read: values that the pure modules work on."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Unreadable:
    """A file, or a whole folder, that cannot be read, and why."""

    reason: str


type Contents = Mapping[str, str | Unreadable]
"""Path of each file → its text, in the order of the paths."""

"""What the headers of a batch say; pure.

They are for people and for progress: a batch whose headers cannot be read is delivered all the
same, because its bytes are final. Only a schema that is newer than this code stops it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tenantry_common import contracts, errors, subjects


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What a batch holds; 0 where the headers do not say."""

    window_end_ms: int
    series: int
    samples: int
    window_start_ms: int = 0
    part: int = 1
    """Of the window; 1 is the first."""
    parts: int = 1
    """How many there are of the window."""
    after: int = 0
    """Sequence of the last batch before the window, of the same shard."""


def read(headers: Mapping[str, str]) -> Batch:
    """Return what `headers` say. Raises `errors.NewerSchema`."""
    schema = _number(headers.get(subjects.HEADER_SCHEMA, ""))
    if schema > contracts.SCHEMA:
        raise errors.NewerSchema(
            f"batch has schema {schema}, this version reads up to {contracts.SCHEMA}: "
            "upgrade this service"
        )
    start, _, end = headers.get(subjects.HEADER_WINDOW, "").partition("-")
    part, _, parts = headers.get(subjects.HEADER_PART, "").partition("/")
    return Batch(
        window_end_ms=_number(end),
        series=_number(headers.get(subjects.HEADER_SERIES, "")),
        samples=_number(headers.get(subjects.HEADER_SAMPLES, "")),
        window_start_ms=_number(start),
        part=_number(part) or 1,
        parts=_number(parts) or 1,
        after=_number(headers.get(subjects.HEADER_AFTER, "")),
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0

"""Fill batches with encoded series, up to their limits; pure."""

from dataclasses import dataclass

from tenantry_common import errors, remote_write, snappy_block


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How large one batch gets, and one window."""

    series: int
    size: int
    """Bytes before compression."""
    block: int = 1_000_000
    """Bytes after it."""
    window_series: int = 1_000_000
    """Series of one window, counted before relabelling."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The body of one message."""

    block: bytes
    """Snappy block of a `WriteRequest`."""
    series: int
    samples: int


class SeriesTooLarge(errors.TenantryError):
    """One series alone is larger than a batch may be: collect a shorter window."""


class Batcher:
    """The batches of one window; what is added stays together."""

    def __init__(self, limits: Limits) -> None:
        self.batches: list[Batch] = []
        self._limits = limits
        self._parts: list[bytes] = []
        self._size = self._series = self._samples = 0

    def add(self, parts: list[bytes], size: int, series: int, samples: int) -> None:
        """Take `parts` in, which together are `size` bytes of whole `TimeSeries` fields.

        Raises `SeriesTooLarge` for what does not fit even an empty batch.
        """
        if self._series + series > self._limits.series or self._size + size > self._limits.size:
            if size > self._limits.size:
                raise SeriesTooLarge(f"{series} series hold {size} bytes")
            self.close()
        self._parts += parts
        self._size += size
        self._series += series
        self._samples += samples

    def fits(self, size: int, series: int) -> bool:
        """Return whether so much fits an empty batch."""
        return series <= self._limits.series and size <= self._limits.size

    def close(self) -> None:
        """Make a batch of what was added, if anything was. Raises `SeriesTooLarge`."""
        if not self._series:
            return
        self._pack(b"".join(self._parts), self._series, self._samples)
        self._parts = []
        self._size = self._series = self._samples = 0

    def _pack(self, request: bytes, series: int, samples: int) -> None:
        """Make one batch of a request, or several if it hardly shrinks."""
        block = snappy_block.compress(request)
        if len(block) <= self._limits.block:
            self.batches.append(Batch(block=block, series=series, samples=samples))
            return
        if series == 1:
            raise SeriesTooLarge(f"1 series holds {len(block)} bytes after compression")
        first, second = remote_write.halves(request)
        count = remote_write.count(first)
        self._pack(first, count.series, count.samples)
        self._pack(second, series - count.series, samples - count.samples)

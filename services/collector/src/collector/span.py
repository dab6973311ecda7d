"""Which part of a requested span is read next, and what is counted of it; pure."""

from msgspec.structs import replace

from collector.schedule import SHORTEST_SLICE, Window
from tenantry_common.contracts import Backfill


def begun(request: Backfill, reach_ms: int) -> Backfill:
    """Return `request` with where it begins, and how much of it is too old.

    `reach_ms` is how far back a gap is made up, counted from when it was asked for. A person may ask
    for more. Where the beginning is not known it is as far back as that; nothing is known to be lost.
    """
    if request.done_ms:
        return request
    oldest = min(request.at_ms - reach_ms, request.end_ms)
    start = request.start_ms if request.by_hand else max(request.start_ms, oldest)
    lost = start - request.start_ms if request.start_ms else 0
    return replace(request, done_ms=start, lost_ms=lost)


def following(request: Backfill, slice_ms: int) -> Window | None:
    """Return the next window of at most `slice_ms`, None when all of the span is done."""
    end = min(request.done_ms + slice_ms, request.end_ms)
    return Window(request.done_ms, end) if end > request.done_ms else None


def interval(request: Backfill, interval_ms: int) -> Window | None:
    """Return the next window, to the next multiple of `interval_ms`; None when all is done."""
    return following(request, interval_ms - request.done_ms % interval_ms)


def advanced(request: Backfill, window: Window, samples: int) -> Backfill:
    """Return `request` after `window`, of which `samples` are published."""
    if window.end_ms <= request.done_ms:
        return request
    empty = 0 if samples else window.end_ms - window.start_ms
    return replace(
        request,
        done_ms=window.end_ms,
        samples=request.samples + samples,
        empty_ms=request.empty_ms + empty,
        error="",
    )


def answered(request: Backfill, sequence: int, now_ms: int) -> Backfill:
    """Return `request` when all of it is published, the last batch as message `sequence`."""
    last = sequence if request.samples else 0
    return replace(request, answered_ms=now_ms, sequence=last, error="")


def shorter(window: Window) -> int | None:
    """Return a slice (ms) for a window that was too large; None when it cannot be cut further."""
    half = (window.end_ms - window.start_ms) // 2
    return half if half >= SHORTEST_SLICE else None

"""The latest value of each series, and the text format in which a Pushgateway takes them; pure.

Values come out of batches: a sample replaces an older one, a stale marker removes the series, and a
series that the others have left behind for the `horizon` is removed as well, as in a query. The
text has no timestamps and no types (batches hold no metadata), so everything is untyped.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from tenantry_common import errors, protowire, remote_write, text_names

HORIZON_MS = 300_000
"""Age at which a series vanishes, as from Prometheus' own answers."""

_STALE_BITS = int.from_bytes(remote_write.STALE, "little")
_VALUE = 1
_STAMP = 2


class Held(NamedTuple):
    """The newest sample of one series."""

    stamp: int
    """Milliseconds."""
    bits: int
    """The value's IEEE 754 bits."""


type Latest = Mapping[bytes, Held]
"""By encoded labels. Stale markers stay until the horizon, so that nothing older comes back."""


class Unfit(NamedTuple):
    """A series that the text format cannot hold, as a request, and why."""

    request: bytes
    reason: str


def fold(latest: Latest, request: bytes, horizon_ms: int = HORIZON_MS) -> dict[bytes, Held]:
    """Return `latest` with the samples of `request`, in any order, and without what is too old.

    Raises `errors.Undecodable`.
    """
    found = dict(latest)
    absorb(found, request)
    return without_old(found, horizon_ms)


def absorb(found: dict[bytes, Held], request: bytes) -> None:
    """Put the samples of `request` into `found`; raises `errors.Undecodable`, then with a part."""
    for span in remote_write.series(request):
        middle = remote_write.labels_end(request, span.start, span.end)
        newest = _newest(request, middle, span.end)
        labels = request[span.start : middle]
        if newest is not None and (labels not in found or found[labels].stamp <= newest.stamp):
            found[labels] = newest


def without_old(latest: Latest, horizon_ms: int = HORIZON_MS) -> dict[bytes, Held]:
    """Return the series that the newest one has not left behind."""
    oldest = max((held.stamp for held in latest.values()), default=0) - horizon_ms
    return {labels: held for labels, held in latest.items() if held.stamp > oldest}


def _newest(data: bytes, start: int, end: int) -> Held | None:
    """Return the newest float sample; native histograms have no place in the text format."""
    newest: Held | None = None
    for field in protowire.fields(data, start, end):
        if field.number != remote_write.SAMPLE:
            continue
        bits = stamp = 0
        for part in protowire.fields(data, field.start, field.end):
            if part.number == _VALUE and part.wire_type == protowire.FIXED64:
                [bits] = struct.unpack_from("<Q", data, part.start)
            elif part.wire_type == protowire.VARINT:
                stamp = protowire.signed(protowire.read_varint(data, part.start, part.end)[0])
        if newest is None or stamp >= newest.stamp:
            newest = Held(stamp, bits)
    return newest


def fit(request: bytes) -> tuple[bytes, tuple[Unfit, ...]]:
    """Return `request` without the series that the text format cannot hold, and those.

    Raises `errors.Undecodable`.
    """
    fitting: list[bytes] = []
    unfit: list[Unfit] = []
    for span in remote_write.series(request):
        one = request[span.entry : span.end]
        middle = remote_write.labels_end(request, span.start, span.end)
        reason = _unfit(request[span.start : middle])
        if not reason and _newest(request, middle, span.end) is None:
            reason = "native histograms have no place in a Pushgateway's text format"
        if reason:
            unfit.append(Unfit(one, reason))
        else:
            fitting.append(one)
    return remote_write.join(fitting), tuple(unfit)


def _unfit(labels: bytes) -> str:
    try:
        named = "__name__" in remote_write.decode_labels(labels)
    except errors.Undecodable as error:
        return str(error)
    return "" if named else "a series without a name has no place in a text format"


def request(latest: Latest) -> bytes:
    """Return a request of these samples, of the series that the text format can hold."""
    return remote_write.join(
        remote_write.time_series(labels, _sample(held))
        for labels, held in latest.items()
        if not _unfit(labels)
    )


def _sample(held: Held) -> bytes:
    value = protowire.tag(_VALUE, protowire.FIXED64) + _raw(held.bits)
    stamp = protowire.tag(_STAMP, protowire.VARINT) + protowire.varint(held.stamp)
    return protowire.delimited(remote_write.SAMPLE, value + stamp)


def text(latest: Latest) -> bytes:
    """Return the series that are not stale, those of one name together."""
    lines = sorted(
        (*_head(remote_write.decode_labels(labels)), text_names.number(_raw(held.bits)))
        for labels, held in latest.items()
        if held.bits != _STALE_BITS
    )
    return "".join(f"{head} {number}\n" for _, head, number in lines).encode()


def _head(labels: dict[str, str]) -> tuple[str, str]:
    """Return the metric's name, and what stands before its value.

    The group's own `job` would replace the series', which so becomes `exported_job`, or what
    Prometheus itself makes of it when that is taken.
    """
    name = labels.pop("__name__")
    if "job" in labels:
        free = next(new for new in _exported() if new not in labels)
        labels[free] = labels.pop("job")
    pairs = ",".join(_pairs(labels.items()))
    return name, text_names.head(text_names.metric(name, utf8=True), pairs)


def _exported() -> Iterator[str]:
    name = "job"
    while True:
        name = f"exported_{name}"
        yield name


def _pairs(labels: Iterable[tuple[str, str]]) -> Iterator[str]:
    for label, value in sorted(labels):
        yield f'{text_names.label(label, utf8=True)}="{text_names.value(value)}"'


def _raw(bits: int) -> bytes:
    return struct.pack("<Q", bits)

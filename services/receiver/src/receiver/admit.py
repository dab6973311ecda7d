"""From the decoded rows of a push to the series that are stored; no input or output.

The loop over rows runs some hundred thousand times a second, so it does by hand what would read
better as a chain: take the id out, look up the verdict, look up the timestamp, encode the sample.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from receiver import refusal
from receiver.refusal import Reason
from receiver.stamps import Stamps
from receiver.verdicts import Court
from tenantry_common import errors, pushed, remote_write
from tenantry_common.pushed import Group, MetricType

_MOST_KEPT = 100
_SUFFIXES = {
    MetricType.HISTOGRAM: ("_bucket", "_sum", "_count"),
    MetricType.GAUGE_HISTOGRAM: ("_bucket", "_sum", "_count"),
    MetricType.SUMMARY: ("_sum", "_count"),
}


class Series:
    """One series that is stored."""

    __slots__ = ("more", "sample", "source", "stamp")

    def __init__(self, source: bytes, stamp: int, sample: bytes) -> None:
        self.source = source
        """What it was pushed as."""
        self.stamp = stamp
        self.sample = sample
        """Its first sample, encoded, and the time of that in milliseconds."""
        self.more: dict[int, bytes] = {}
        """Further ones by their times."""

    def add(self, source: bytes, stamp: int, sample: bytes) -> bool:
        """Take a further sample; return whether it is none of those that are there."""
        if source != self.source or stamp == self.stamp or stamp in self.more:
            return False
        self.more[stamp] = sample
        return True

    def samples(self, largest: int) -> list[tuple[bytes, int]]:
        """Return all samples in the order of their times, in pieces, each with its number of them.

        A piece is not larger than `largest` bytes, unless one sample alone is.
        """
        if not self.more:
            return [(self.sample, 1)]
        every = {self.stamp: self.sample, **self.more}
        pieces: list[list[bytes]] = [[]]
        size = 0
        for stamp in sorted(every):
            if pieces[-1] and size + len(every[stamp]) > largest:
                pieces.append([])
                size = 0
            pieces[-1].append(every[stamp])
            size += len(every[stamp])
        return [(b"".join(piece), len(piece)) for piece in pieces]

    def newest(self) -> bytes:
        """Return the newest sample."""
        if not self.more or (last := max(self.more)) < self.stamp:
            return self.sample
        return self.more[last]


@dataclass(slots=True)
class Admitted:
    """What of a push is stored, and what is not."""

    series: dict[bytes, Series] = field(default_factory=dict)
    """By their encoded labels."""
    names: set[str] = field(default_factory=set)
    """Names of what is stored of groups that do not tell their family."""
    types: dict[str, MetricType] = field(default_factory=dict)
    """Of what is stored, by the names of metrics, as far as the push tells them."""
    rejected: Counter[Reason] = field(default_factory=Counter)
    kept: dict[Reason, list[bytes]] = field(default_factory=dict)
    """Some of the rejected series, as requests."""
    several: bool = False
    """Whether a series has more than one sample."""
    natives: int = 0
    """How many of the stored samples are native histograms."""
    left_out: int = 0
    """Samples that the allow-list does not permit."""

    def take_types(self, types: Mapping[str, MetricType]) -> None:
        """Take over the types of families of which something is stored under their own name."""
        for name, kind in types.items():
            if any(name + suffix in self.names for suffix in ("", *_SUFFIXES.get(kind, ()))):
                self.types[name] = kind

    @property
    def samples(self) -> int:
        """How many samples are stored."""
        return sum(1 + len(one.more) for one in self.series.values())

    @property
    def window(self) -> tuple[int, int]:
        """Times of the oldest and of the newest sample, in milliseconds."""
        stamps = {one.stamp for one in self.series.values()}
        stamps.update(stamp for one in self.series.values() for stamp in one.more)
        return min(stamps), max(stamps)


class UnreadableLabels(errors.Undecodable):
    """The labels of a series are not what they should be. Refuse the whole push."""

    def __init__(self, labels: bytes, text: str) -> None:
        super().__init__(f"in the labels of this series, {text}")
        self._labels = labels

    def where(self, body: bytes) -> str:
        """Return the position of the labels in the body that they came from."""
        found = body.find(self._labels)
        return f"position {found}" if found >= 0 else "position unknown"


def admit(groups: Iterable[Group], court: Court, stamps: Stamps, *, strict: bool) -> Admitted:
    """Return what of a push is stored.

    Raises `refusal.Refused`, `verdicts.Foreign` and `errors.Undecodable`: nothing of it is.
    """
    admitted = Admitted()
    for group in groups:
        _take(group, group.rows, pushed.sample, court, stamps, admitted)
        if group.natives:
            before = admitted.samples
            _take(group, group.natives, pushed.native, court, stamps, admitted)
            admitted.natives += admitted.samples - before
    wrong = {reason: n for reason, n in admitted.rejected.items() if reason is not Reason.DUPLICATE}
    if strict and wrong:
        counts = ", ".join(f"{count} {reason}" for reason, count in wrong.items())
        raise refusal.malformed(f"the policy is strict, and series are rejected: {counts}")
    return admitted


def _take(
    group: Group,
    rows: list[pushed.Row],
    encode: Callable[[bytes, bytes], bytes],
    court: Court,
    stamps: Stamps,
    admitted: Admitted,
) -> None:
    id_label, id_size = court.id, len(court.id)
    prefix = court.prefix + group.name
    verdicts, series = court.known, admitted.series
    named_inside = not group.name
    last, place = None, 0
    before = len(series)
    name = ""
    for labels, value, raw in rows:
        if named_inside:  # the name is the first label, and the id nearly always the second
            place = 2 + labels[1] if labels[1:2] < b"\x80" and len(labels) > 1 else 0
        if stripped := labels.startswith(id_label, place):
            key = prefix + labels[:place] + labels[place + id_size :]
        else:
            key = prefix + labels
        verdict = verdicts.get(key)
        if verdict is None or verdict.id is not None:
            try:
                verdict = court.find(key, stripped=stripped)
            except errors.Undecodable as error:
                raise UnreadableLabels(labels, str(error)) from error
        if not verdict.permitted:
            if verdict.reason is None:
                admitted.left_out += 1
            else:
                _reject(admitted, verdict.reason, group.name + labels, encode, value, raw)
            continue
        stamp = stamps.known.get(raw) or stamps.find(raw)
        if isinstance(stamp, Reason):
            _reject(admitted, stamp, group.name + labels, encode, value, raw)
            continue
        as_pushed, stored, encoded = stamp
        if group.ordered and last is not None and as_pushed < last:
            _reject(admitted, Reason.DECREASING, group.name + labels, encode, value, raw)
            continue
        last = as_pushed
        name = verdict.name
        if named_inside:
            admitted.names.add(name)
        final = verdict.head if verdict.tail is None else verdict.head + id_label + verdict.tail
        found = series.get(final)
        if found is None:
            series[final] = Series(key, stored, encode(value, encoded))
        elif found.add(key, stored, encode(value, encoded)):
            admitted.several = True
        else:
            _reject(admitted, Reason.DUPLICATE, group.name + labels, encode, value, raw)
    if len(series) > before and group.type is not MetricType.UNKNOWN:
        admitted.types[family(name, group.type)] = group.type


def _reject(
    admitted: Admitted,
    reason: Reason,
    labels: bytes,
    encode: Callable[[bytes, bytes], bytes],
    value: bytes,
    raw: bytes,
) -> None:
    admitted.rejected[reason] += 1
    kept = admitted.kept.setdefault(reason, [])
    if len(kept) < _MOST_KEPT:
        kept.append(remote_write.time_series(labels, encode(value, raw or b"\0")))


def family(name: str, kind: MetricType) -> str:
    """Return the family of a series of this name, as the types of metrics are told by families."""
    for suffix in _SUFFIXES.get(kind, ()):
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return name

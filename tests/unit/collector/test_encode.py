"""Batches hold what a plain computation over protobuf objects says, window after window."""

import itertools
import struct
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.batch import Limits, SeriesTooLarge
from collector.encode import Encoding, Tally, TooManySeries
from collector.labelcache import LabelCache
from collector.schedule import Window
from collector.testing import backend, job, points, sample
from collector.transform import Drop, Transform
from tenantry_common import errors, protowire, remote_write, snappy_block
from tenantry_common.contracts import Matcher, RelabelRule
from tenantry_common.proto import remote_pb2 as pb

AT = 1_700_000_000_000
WINDOW = Window(AT, AT + 30_000)
LIMITS = Limits(series=3000, size=500_000)
BACKEND = backend("http://a", external_labels={"cluster": "eu1"}, replica_labels={"replica": "a"})


def answer(*results: Iterable[bytes]) -> bytes:
    """Return a read response with these requests' series as its results."""
    return b"".join(protowire.delimited(1, b"".join(result)) for result in results)


def one(labels: dict[str, str], *samples: bytes) -> bytes:
    encoded = remote_write.encode_labels({**labels, "cluster": "eu1", "replica": "a"})
    return remote_write.time_series(encoded, b"".join(samples))


def delivered(labels: dict[str, str], *samples: bytes) -> bytes:
    encoded = remote_write.encode_labels({**labels, "cluster": "eu1"})
    return remote_write.time_series(encoded, b"".join(samples))


def cache_for(**fields: object) -> LabelCache:
    return LabelCache(Transform(job(**fields), BACKEND), limit=1000)  # type: ignore[arg-type]  # any field


def encoded(
    data: bytes,
    cache: LabelCache | None = None,
    limits: Limits = LIMITS,
    window: Window = WINDOW,
    published: frozenset[bytes] = frozenset(),
) -> Encoding:
    encoding = Encoding(
        cache if cache is not None else cache_for(), window, limits, published=published
    )
    for _ in encoding.run(data):
        pass
    return encoding


def bodies(encoding: Encoding) -> list[bytes]:
    return [snappy_block.decompress(batch.block, limit=1 << 30) for batch in encoding.batches]


UP, DOWN, OTHER = ({"__name__": name} for name in ("up", "down", "other"))
ROW = (sample(AT + 1, 5), sample(AT + 15_000, 0), sample(AT + 30_000, 0x7FF0000000000002))


def test_known_and_new_series_give_the_same_bytes() -> None:
    cache = cache_for()
    data = answer([one(DOWN, *ROW), one(UP, *ROW)])

    first, second = encoded(data, cache), encoded(data, cache)

    assert bodies(first) == bodies(second) == [delivered(DOWN, *ROW) + delivered(UP, *ROW)]
    assert first.tally == second.tally == Tally(series=2, samples=6)
    assert [(batch.series, batch.samples) for batch in first.batches] == [(2, 6)]


def test_samples_outside_the_window_are_cut_and_series_without_samples_left_out() -> None:
    late, early = sample(AT + 30_001, 1), sample(AT, 1)

    encoding = encoded(answer([one(UP, early, *ROW, late), one(DOWN, early, late), one(OTHER)]))

    assert bodies(encoding) == [delivered(UP, *ROW)]
    assert encoding.tally == Tally(series=1, samples=3)


def test_native_histograms_pass_through_bit_for_bit() -> None:
    histogram = pb.Histogram(count_int=3, sum=4.5, schema=3, timestamp=AT + 7)
    row = protowire.delimited(4, histogram.SerializeToString())

    encoding = encoded(answer([one(UP, row), one(DOWN, ROW[0], row)]))

    assert bodies(encoding) == [delivered(UP, row) + delivered(DOWN, ROW[0], row)]
    assert encoding.tally.samples == 3


def test_series_of_overlapping_queries_is_taken_once() -> None:
    cache = cache_for()
    data = answer([one(DOWN, *ROW), one(UP, *ROW)], [], [one(UP, *ROW), one(OTHER, *ROW)])

    for _ in range(3):
        encoding = encoded(data, cache)
        assert bodies(encoding) == [
            delivered(DOWN, *ROW) + delivered(UP, *ROW) + delivered(OTHER, *ROW)
        ]
        assert encoding.tally == Tally(series=3, samples=9, repeated=1)


def test_of_series_that_become_equal_the_first_is_kept() -> None:
    cache = cache_for(relabelings=(RelabelRule(regex="n", action="labeldrop"),))
    a, b = one({**UP, "n": "1"}, ROW[0]), one({**UP, "n": "2"}, ROW[1])

    assert bodies(encoded(answer([a, b]), cache)) == [delivered(UP, ROW[0])]
    again = encoded(answer([a, b]), cache)
    assert bodies(again) == [delivered(UP, ROW[0])]
    assert again.tally == Tally(series=1, samples=1, collisions=1)
    # A series that is alone in a window is delivered.
    assert bodies(encoded(answer([b]), cache)) == [delivered(UP, ROW[1])]


def test_dropped_series_are_counted_by_reason() -> None:
    rules = [(Matcher("__name__", "=~", "up|down"),)]
    relabelings = (RelabelRule(source_labels=("__name__",), regex="down", action="drop"),)
    twice = protowire.delimited(1, b"\x0a\x03\x0a\x01a" * 2 + ROW[0])
    cache = cache_for(rules=rules, relabelings=relabelings)

    for _ in range(2):
        encoding = encoded(answer([one(DOWN, *ROW), one(OTHER, *ROW), one(UP, *ROW), twice]), cache)
        assert encoding.tally == Tally(
            series=1,
            samples=3,
            dropped={Drop.FORBIDDEN: 1, Drop.RELABELLED: 1, Drop.UNREADABLE: 1},
        )


def test_published_series_are_left_out() -> None:
    published = frozenset({remote_write.encode_labels({**UP, "cluster": "eu1"})})

    encoding = encoded(answer([one(DOWN, *ROW), one(UP, *ROW)]), published=published)

    assert bodies(encoding) == [delivered(DOWN, *ROW)]
    assert encoding.tally == Tally(series=1, samples=3, published_before=1)


def test_batches_are_limited_by_series_and_by_bytes() -> None:
    data = answer([one({**UP, "n": str(n)}, *ROW) for n in range(10)])
    size = len(delivered({**UP, "n": "0"}, *ROW))

    by_series = encoded(data, limits=Limits(series=4, size=500_000))
    by_bytes = encoded(data, limits=Limits(series=4000, size=3 * size + 10))

    assert [batch.series for batch in by_series.batches] == [4, 4, 2]
    assert [batch.series for batch in by_bytes.batches] == [3, 3, 3, 1]
    assert b"".join(bodies(by_series)) == b"".join(bodies(by_bytes))


def test_series_larger_than_a_batch_asks_for_a_shorter_window() -> None:
    row = [sample(AT + 1 + k, k) for k in range(100)]

    with pytest.raises(SeriesTooLarge):
        encoded(answer([one(UP, *row)]), limits=Limits(series=10, size=500))


def test_window_with_too_many_series_is_refused() -> None:
    data = answer([one({**UP, "n": f"{n:0200}"}, *ROW) for n in range(5000)])

    with pytest.raises(TooManySeries, match="the window holds more than 2000 series"):
        encoded(data, limits=Limits(series=3000, size=500_000, window_series=2000))


def test_newest_sample_alone_is_taken_where_that_is_asked_for() -> None:
    cache = cache_for()
    data = answer([one(DOWN, *ROW), one(UP, ROW[0]), one(OTHER, sample(AT + 30_001, 1))])

    for _ in range(3):
        encoding = Encoding(cache, WINDOW, LIMITS, newest=True)
        for _ in encoding.run(data):
            pass
        assert bodies(encoding) == [delivered(DOWN, ROW[-1]) + delivered(UP, ROW[0])]


def test_long_series_and_many_labels_take_three_bytes_of_length() -> None:
    row = [sample(AT + 1 + k, k + 1) for k in range(2000)]
    wide = {**UP, **{f"label_{n:04}": "v" * 40 for n in range(400)}}

    encoding = encoded(answer([one(UP, *row), one(wide, *ROW)]))

    assert bodies(encoding) == [delivered(UP, *row) + delivered(wide, *ROW)]


def test_answer_pauses_now_and_then() -> None:
    row = [sample(AT + 1 + k, k + 1) for k in range(1000)]
    data = answer([one({**UP, "n": str(n)}, *row) for n in range(40)])

    assert 3 <= sum(1 for _ in Encoding(cache_for(), WINDOW, LIMITS).run(data)) <= 5


@given(st.data())
def test_answer_that_is_cut_off_is_refused(data: st.DataObject) -> None:
    whole = answer([one({**UP, "n": "x" * n}, *ROW) for n in range(20)])
    length = data.draw(st.integers(1, len(whole) - 1))

    with pytest.raises(errors.Undecodable):
        encoded(whole[:length])


def test_sample_that_reaches_into_the_next_series_is_refused() -> None:
    honest, reaching = one(DOWN, *ROW), one(UP, ROW[0])
    # The last sample of the first series claims everything up to the end of the second one.
    size = len(reaching) + len(ROW[-1]) - 2
    row = [*ROW[:-1], b"\x12" + bytes((size,)) + ROW[-1][2:]]

    with pytest.raises(errors.Undecodable):
        encoded(answer([honest, one(OTHER, *row), reaching]))


@given(st.binary(max_size=80))
def test_garbage_is_refused_or_holds_nothing_that_is_not_well_formed(garbage: bytes) -> None:
    try:
        encoding = encoded(protowire.delimited(1, garbage))
    except errors.Undecodable:
        return
    for body in bodies(encoding):
        pb.WriteRequest.FromString(body)


LABEL_SETS = [
    {"__name__": name, **labels}
    for name in ("up", "down", "http_requests_total")
    for labels in (
        {},
        {"z": "1"},
        {"n": "1"},
        {"n": "2"},
        {"n": "1", "job": "a"},
        {"job": "b", "le": "x" * 99},
    )
]
stamps = st.integers(AT - 2, AT + 3) | st.sampled_from([AT + 29_999, AT + 30_000, AT + 30_001, 7])
rows = st.lists(st.tuples(stamps, st.sampled_from([0, 1, 0x7FF0000000000002, 1 << 63])), max_size=4)
windows = st.lists(
    st.lists(st.tuples(st.integers(0, len(LABEL_SETS) - 1), rows), max_size=12), max_size=5
)
RELABELINGS = (
    RelabelRule(source_labels=("n",), regex="(.+)", target_label="m", replacement="n$1"),
    RelabelRule(regex="n", action="labeldrop"),
    RelabelRule(source_labels=("job",), regex="b", target_label="job", replacement=""),
    RelabelRule(source_labels=("__name__", "m"), regex="down;n2", action="drop"),
)
RELABELLED = Transform(job(relabelings=RELABELINGS), BACKEND)


def plainly(data: bytes) -> list[tuple[dict[str, str], list[tuple[bytes, int]]]]:
    """Return what is to be delivered, computed with objects and without any memory."""
    sources: set[bytes] = set()
    outputs: set[bytes] = set()
    found = []
    for result in pb.ReadResponse.FromString(data).results:
        for series in result.timeseries:
            source = b"".join(
                protowire.delimited(1, label.SerializeToString()) for label in series.labels
            )
            inside = [
                (struct.pack("<d", s.value), s.timestamp)
                for s in series.samples
                if WINDOW.start_ms < s.timestamp <= WINDOW.end_ms
            ]
            output = RELABELLED(source)
            if isinstance(output, Drop) or not inside or source in sources or output in outputs:
                continue
            sources.add(source)
            outputs.add(output)
            found.append((remote_write.decode_labels(output), inside))
    return found


def expect_as_if_first(
    entries: Sequence[bytes], cuts: list[int], cache: LabelCache, most: int
) -> None:
    """Encode one window with a cache that remembers, and compare with the plain computation."""
    edges = [0, *sorted(min(cut, len(entries)) for cut in cuts), len(entries)]
    data = answer(*(entries[a:b] for a, b in itertools.pairwise(edges)))

    encoding = encoded(data, cache, Limits(series=most, size=500_000))

    requests = [pb.WriteRequest.FromString(body) for body in bodies(encoding)]
    assert all(len(request.timeseries) <= most for request in requests)
    assert [
        (
            {label.name: label.value for label in found.labels},
            [(struct.pack("<d", s.value), s.timestamp) for s in found.samples],
        )
        for request in requests
        for found in request.timeseries
    ] == plainly(data)
    assert encoding.tally.samples == points(b"".join(bodies(encoding))).total()
    assert encoding.tally.samples == sum(batch.samples for batch in encoding.batches)


@settings(max_examples=100, deadline=None)
@given(windows, st.integers(1, 5), st.lists(st.integers(0, 12), max_size=2))
def test_any_succession_of_answers_is_encoded_as_if_each_were_the_first(
    drawn: Sequence[Sequence[tuple[int, list[tuple[int, int]]]]], most: int, cuts: list[int]
) -> None:
    cache = LabelCache(RELABELLED, limit=1000)
    for content in drawn:
        entries = [one(LABEL_SETS[n], *(sample(*s) for s in row)) for n, row in content]
        expect_as_if_first(entries, cuts, cache, most)


edits = st.tuples(
    st.sampled_from(["value", "zero", "late", "fewer", "gone", "twice", "new", "longer"]),
    st.integers(0, 29),
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.lists(edits, max_size=3), min_size=3, max_size=6),
    st.lists(st.integers(0, 40), max_size=1),
    st.sampled_from([7, 30, 3000]),
)
def test_answers_that_change_a_little_are_encoded_as_if_each_were_the_first(
    changes: list[list[tuple[str, int]]], cuts: list[int], most: int
) -> None:
    cache = LabelCache(RELABELLED, limit=1000)
    for number, changed in enumerate(changes):
        rows = {
            n: [sample(AT + 1 + k, n + k + number + 1) for k in range(n % 3 + 1)] for n in range(30)
        }
        entries: dict[float, bytes] = {
            n: one({**UP, "n": f"{n:02}"}, *row) for n, row in rows.items()
        }
        for what, n in changed:
            entries |= edited(what, n, rows.get(n, []))
        ordered = [entries[n] for n in sorted(entries)]
        expect_as_if_first(ordered, cuts, cache, most)


def edited(what: str, n: int, row: list[bytes]) -> dict[float, bytes]:
    """Return what stands in the place of series `n`, or behind it."""
    labels = {**UP, "n": f"{n:02}"}
    match what:
        case "zero":
            return {n: one(labels, sample(AT + 1, 0), *row[1:])}
        case "late":
            return {n: one(labels, *row, sample(AT + 30_001, 1))}
        case "fewer":
            return {n: one(labels, *row[1:])}
        case "gone":
            return {n: b""}
        case "twice":
            return {n + 0.1: one(labels, *row)}
        case "new":
            return {n + 0.5: one({**UP, "n": f"{n:02}x"}, sample(AT + 7, 7))}
        case "longer":
            return {n: one({**labels, "z": "1"}, *row)}
        case _:
            return {n: one(labels, *(sample(AT + 9 + k, 5) for k in range(len(row))))}


class Late:
    """A source of a few series whose samples are stored some windows after their time.

    Each step reads one window with an overlap of one, as a collector does it.
    """

    def __init__(self, stored: dict[tuple[int, int], int]) -> None:
        """`stored` says for each sample (series, seconds since AT) in which step it is there."""
        self.stored = stored
        self.cache = cache_for()
        self.tally = Tally()
        self.sent: dict[int, list[int]] = {}

    def step(self, number: int, *, publish: bool = True, forget: bool = False) -> None:
        window = Window(AT + number * 10_000, AT + number * 10_000 + 10_000)
        if forget:
            self.cache = cache_for()
            self.cache.reach(window.start_ms, 10_000)
            last = {
                remote_write.encode_labels({"n": str(n), "cluster": "eu1"}): AT + times[-1] * 1000
                for n, times in self.sent.items()
            }
            self.cache.recall(window.start_ms - 10_000, last)
        reach = self.cache.reach(window.start_ms, 10_000)
        there = sorted(key for key, since in self.stored.items() if since <= number)
        rows = {
            n: [sample(AT + t * 1000, t) for m, t in there if m == n and reach < AT + t * 1000]
            for n in sorted({n for n, _ in there})
        }
        data = answer([one({"n": str(n)}, *row) for n, row in rows.items() if row])
        encoding = Encoding(self.cache, window, LIMITS, reach=reach)
        for _ in encoding.run(data):
            pass
        if not publish:
            return
        self.cache.published(window)
        self.tally.late += encoding.tally.late
        self.tally.refused += encoding.tally.refused
        for request in map(pb.WriteRequest.FromString, bodies(encoding)):
            for found in request.timeseries:
                labels = {label.name: label.value for label in found.labels}
                times = [(s.timestamp - AT) // 1000 for s in found.samples]
                self.sent.setdefault(int(labels["n"]), []).extend(times)


def expected_of(stored: dict[tuple[int, int], int], steps: int) -> tuple[dict[int, list[int]], int]:
    """Return what is sent of each series and how many samples are refused, computed plainly."""
    sent: dict[int, list[int]] = {}
    refused: set[tuple[int, int]] = set()
    for step in range(steps):
        for (n, t), since in sorted(stored.items()):
            in_reach = max(0, step * 10 - 10) < t <= step * 10 + 10
            if since > step or not in_reach or t in sent.get(n, ()):
                continue
            if all(t > other for other in sent.get(n, ())):
                sent.setdefault(n, []).append(t)
            else:
                refused.add((n, t))
    return sent, len(refused)


arrivals = st.dictionaries(
    st.tuples(st.integers(0, 6), st.integers(1, 50)), st.integers(0, 5), min_size=1, max_size=120
)


@settings(max_examples=200, deadline=None)
@given(arrivals, st.sets(st.integers(1, 4)), st.sets(st.integers(1, 4)))
def test_samples_that_come_late_are_sent_once_in_order_or_counted(
    delays: dict[tuple[int, int], int], failing: set[int], restarts: set[int]
) -> None:
    stored = {(n, t): (t - 1) // 10 + delay // 2 for (n, t), delay in delays.items()}
    source = Late(stored)
    for step in range(6):
        source.step(step, forget=step in restarts)

    sent, refused = expected_of(stored, 6)
    assert source.sent == sent
    if not restarts:
        assert source.tally.refused == refused
    assert source.tally.refused <= refused

    # An attempt that is not published leaves no trace but the overlap of the next one.
    source = Late(stored)
    for step in range(6):
        if step in failing:
            source.step(step, publish=False)
        source.step(step)
    for n, times in source.sent.items():
        assert times == sorted(set(times))
        assert set(times) <= set(sent[n])
        on_time = [t for (m, t), since in stored.items() if m == n and since == (t - 1) // 10]
        assert set(on_time) <= set(times)


def test_known_rows_with_an_overlap_are_taken_at_once_and_late_samples_found() -> None:
    stored = {(n, t): (t - 1) // 10 for n in range(40) for t in range(2, 61, 2)}
    stored[7, 30] = 3  # the last one of its window
    stored[8, 24] = 3
    source = Late(stored)
    for step in range(6):
        source.step(step)

    everything = range(2, 61, 2)
    assert source.sent == {n: [t for t in everything if (n, t) != (8, 24)] for n in range(40)}
    assert (source.tally.late, source.tally.refused) == (1, 1)
    assert sum(entry.row is not None for entry in source.cache.expected) >= 2

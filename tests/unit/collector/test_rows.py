"""A row is taken only while everything but values and timestamps is as it was."""

from collections.abc import Sequence

import pytest

from collector import rows
from collector.labelcache import SHARED, Claim, Entry
from collector.rows import Row, Stretch
from collector.samples import Gate
from collector.schedule import Window
from collector.testing import sample
from collector.transform import Drop
from tenantry_common import errors, remote_write

AT = 1_700_000_000_000
WINDOW = Window(AT, AT + 30_000)
NAMES = [b"%03d" % n for n in range(30)]


def labels(name: bytes) -> bytes:
    return remote_write.encode_labels({"n": name.decode()})


def entry(name: bytes, place: int = 0) -> Entry:
    made = Entry(labels(name), remote_write.encode_labels({"n": name.decode(), "extra": "e" * 200}))
    made.place = place
    return made


def series(name: bytes, *samples: bytes) -> bytes:
    return remote_write.time_series(labels(name), b"".join(samples))


FIVE, NEXT_FIVE = (
    b"".join(
        series(name, sample(AT + k + 1, n * value), sample(AT + k + 15_000, value + 1))
        for n, name in enumerate(NAMES[:5])
    )
    for k, value in ((0, 3), (77, 9))
)


def row() -> Row:
    return Row(FIVE, 0, [entry(name) for name in NAMES[:5]])


def take(learnt: Row, answer: bytes, position: int = 0, window: int = 1) -> bytes | None:
    return learnt.take(answer, position, len(answer), Gate(*WINDOW), window)


def test_row_takes_what_differs_in_values_and_timestamps_only() -> None:
    learnt = row()

    taken = take(learnt, b"before" + NEXT_FIVE + b"behind", 6)

    assert taken is not None
    assert len(taken) == learnt.size
    assert taken == b"".join(
        remote_write.time_series(made.output, NEXT_FIVE[begin : span.end])
        for made, span in zip(learnt.entries, remote_write.series(NEXT_FIVE), strict=True)
        for begin in [remote_write.labels_end(NEXT_FIVE, span.start, span.end)]
    )
    assert [made.window for made in learnt.entries] == [1] * 5
    assert learnt.samples == remote_write.count(NEXT_FIVE).samples == 10


def changed(first: int, *samples: bytes, name: bytes | None = None) -> bytes:
    """Return FIVE with another series in one place."""
    parts = remote_write.singles(FIVE)
    parts[first] = series(name or NAMES[first], *samples)
    return b"".join(parts)


ROW = (sample(AT + 1, 6), sample(AT + 15_000, 4))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(FIVE[:-1], id="cut off"),
        pytest.param(changed(2, *ROW, name=b"00x"), id="another series of the same length"),
        pytest.param(changed(2, *ROW, name=b"002x"), id="longer labels"),
        pytest.param(changed(2, ROW[0]), id="fewer samples"),
        pytest.param(changed(2, sample(AT + 1, 0), ROW[1]), id="a value became zero"),
        pytest.param(changed(2, ROW[0], sample(AT + 30_001, 4)), id="behind the window"),
        pytest.param(changed(2, sample(AT, 6), ROW[1]), id="before the window"),
        pytest.param(
            changed(2, ROW[0], sample(AT + 15_000, 0), sample(AT + 15_001, 0)),
            id="as many bytes, otherwise divided",
        ),
        pytest.param(
            changed(2, remote_write.encode_labels({"z": "v" * 11}), ROW[1]),
            id="a label in the place of a sample",
        ),
    ],
)
def test_row_is_not_taken_when_anything_else_differs(answer: bytes) -> None:
    learnt = row()

    assert take(learnt, answer) is None
    assert [made.window for made in learnt.entries] == [0] * 5


def test_between_the_first_and_the_last_sample_only_sizes_are_looked_at() -> None:
    def three(*values: int) -> bytes:
        row = [sample(AT + 1 + n * 5_000, value) for n, value in enumerate(values)]
        return b"".join(series(name, *row) for name in NAMES[:5])

    entries = [entry(name) for name in NAMES[:5]]
    learnt = Row(three(6, 0, 7), 0, entries)

    assert take(learnt, three(6, 7, 0)) is None
    assert take(learnt, three(0, 6, 7)) is None
    taken = take(learnt, three(8, 0, 9))
    assert taken is not None
    assert remote_write.count(taken) == (5, 15)
    assert {one.last for one in entries} == {AT + 10_001}


def test_row_is_not_taken_twice_in_a_window() -> None:
    learnt = row()
    learnt.entries[3].last = AT + 15_000

    assert take(learnt, FIVE) is None
    learnt.entries[3].last = AT
    assert take(learnt, FIVE) is not None
    assert take(learnt, FIVE) is None


def test_row_is_not_taken_once_one_of_its_series_collides() -> None:
    learnt = row()
    learnt.entries[3].last = SHARED

    assert take(learnt, FIVE) is None


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param([], id="none"),
        pytest.param([sample(5, 1)], id="timestamps of another age"),
        pytest.param([b"\x22\x03\x78\x80\x01"], id="native histogram"),
        pytest.param([sample(AT + k, 1) for k in range(17)], id="many"),
    ],
)
def test_irregular_series_make_no_row(samples: list[bytes]) -> None:
    with pytest.raises(errors.Undecodable):
        Row(series(b"a", *samples), 0, [entry(b"a")])


def stretch(entries: Sequence[Entry], before: bytes = b"") -> tuple[bytes, Stretch]:
    """Return an answer that holds these entries one behind the other, and the stretch of them."""
    found = b"".join(remote_write.time_series(one.source, b"".join(ROW)) for one in entries)
    return before + found, Stretch(len(before), list(entries))


def learnt_lengths(entries: Sequence[Entry]) -> list[int]:
    return [0 if one.row is None else len(one.row.entries) for one in entries]


def test_stretch_becomes_rows_of_bounded_length() -> None:
    entries = [entry(name) for name in NAMES]
    answer, found = stretch(entries, before=b"elsewhere")

    rows.learn(answer, found, window=1)

    assert learnt_lengths(entries) == [24, *[0] * 23, 6, *[0] * 5]
    assert entries[24].row is not None
    assert take(entries[24].row, answer, 9 + 24 * (len(answer) - 9) // 30) is not None


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param({"place": -1}, id="a series is new"),
        pytest.param({"drop": Drop.RELABELLED}, id="a series is dropped"),
        pytest.param({"claim": Claim(0)}, id="a series collides"),
    ],
)
def test_no_row_is_made_of_series_that_need_a_look(spoil: dict[str, object]) -> None:
    entries = [entry(name) for name in NAMES[:6]]
    for name, value in spoil.items():
        setattr(entries[4], name, value)

    rows.learn(*stretch(entries), window=1)

    assert learnt_lengths(entries) == [0] * 6


def test_no_row_is_made_of_few_series_or_of_one_that_comes_twice() -> None:
    entries = [entry(name) for name in NAMES[:5]]

    rows.learn(*stretch(entries[:3]), window=1)
    rows.learn(*stretch([*entries, entries[0]]), window=1)

    assert learnt_lengths(entries) == [0] * 5


def test_row_that_is_learnt_again_begins_and_ends_where_rows_did() -> None:
    entries = [entry(name) for name in NAMES[:12]]
    rows.learn(*stretch(entries[:6]), window=1)
    rows.learn(*stretch(entries[6:]), window=1)

    rows.learn(*stretch(entries), window=2)

    assert learnt_lengths(entries) == [6, *[0] * 5, 6, *[0] * 5]


def test_row_that_changes_often_is_learnt_more_and_more_rarely() -> None:
    entries = [entry(name) for name in NAMES[:5]]
    known = []
    for window in range(1, 40):
        rows.learn(*stretch(entries), window=window)
        known.append(entries[0].row)

    assert [n + 1 for n in range(1, 39) if known[n] is not known[n - 1]] == [2, 4, 8, 16, 32]


def test_row_that_is_taken_again_is_trusted_again() -> None:
    entries = [entry(name) for name in NAMES[:5]]
    for window in range(1, 5):
        rows.learn(*stretch(entries), window=window)
    learnt = entries[0].row
    assert learnt is not None
    assert learnt.patience == 4

    assert take(learnt, stretch(entries)[0], window=6) is not None
    assert learnt.patience == 1

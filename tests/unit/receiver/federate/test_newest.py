"""What is held of each source: the last upload, and what remote writes brought since."""

import pytest

from receiver.federate import testing as pushed
from receiver.federate.formats import Key
from receiver.federate.newest import KEPT_SECONDS, Newest
from receiver.federate.testing import metric
from receiver.federate.text import Text
from tenantry_common import errors, snappy_block
from tenantry_common.subjects import JobRef, LatestRef

JOB = JobRef("team", "edge")
WHOLE = LatestRef(JOB, "0a", "")
SOURCE = (JOB, "0a")
NOW = 1_000.0
UNTIL = NOW + KEPT_SECONDS


def part(name: str) -> LatestRef:
    return WHOLE._replace(part=name)


def held(newest: Newest) -> set[str]:
    found, _ = newest.rows_of(SOURCE)
    return {row.name for row in found}


def text(newest: Newest, format: Text, now: float = NOW) -> dict[Key, bytes]:
    index, behind = newest.index(format, now)
    for _ in behind:
        pass
    return {key: b"".join(chunk for _, chunk in index.of(key, None)) for key in index}


def test_an_upload_replaces_the_one_before() -> None:
    newest, format = Newest(), Text(utf8=False)
    newest.apply(WHOLE, pushed.block((metric("a"), 1, 1), (metric("b"), 1, 1)), UNTIL)
    assert set(text(newest, format)) == {Key("a", "a"), Key("b", "b")}

    newest.apply(WHOLE, pushed.block((metric("b"), 2, 2)), UNTIL)

    assert text(newest, format) == {Key("b", "b"): b"b 2.0 2\n"}


def test_remote_writes_add_up_and_the_newest_sample_wins() -> None:
    newest, format = Newest(), Text(utf8=False)
    newest.apply(part("1"), pushed.block((metric("a"), 1, 5)), UNTIL)
    assert text(newest, format) == {Key("a", "a"): b"a 1.0 5\n"}
    newest.apply(part("2"), pushed.block((metric("b"), 2, 5)), UNTIL)
    newest.apply(part("3"), pushed.block((metric("a"), 3, 4)), UNTIL)
    newest.apply(part("4"), pushed.block((metric("b"), 4, 5)), UNTIL)

    assert text(newest, format) == {Key("a", "a"): b"a 1.0 5\n", Key("b", "b"): b"b 4.0 5\n"}


@pytest.mark.parametrize(
    ("uploaded", "written", "expected"), [(5, 7, b"a 2.0 7\n"), (7, 5, b"a 1.0 7\n")]
)
def test_a_source_that_uses_both_ways_has_each_series_once(
    uploaded: int, written: int, expected: bytes
) -> None:
    newest = Newest()
    newest.apply(WHOLE, pushed.block((metric("a"), 1, uploaded)), UNTIL)
    newest.apply(part("1"), pushed.block((metric("a"), 2, written)), UNTIL)

    assert text(newest, Text(utf8=False)) == {Key("a", "a"): expected}


def test_a_stale_marker_ends_a_series_and_nothing_older_brings_it_back() -> None:
    newest = Newest()
    newest.apply(part("1"), pushed.block((metric("a"), 1, 5), (metric("b"), 1, 5)), UNTIL)
    newest.apply(part("2"), pushed.block((metric("a"), pushed.STALE, 6)), UNTIL)
    newest.apply(part("3"), pushed.block((metric("a"), 1, 5)), UNTIL)

    assert held(newest) == {"b"}


def test_a_source_is_forgotten_when_its_time_is_over_and_not_before() -> None:
    newest, format = Newest(), Text(utf8=False)
    newest.apply(WHOLE, pushed.block((metric("a"), 1, 5)), UNTIL)
    newest.forget(UNTIL - 0.1)
    assert text(newest, format) != {}

    newest.forget(UNTIL + 10)

    assert (len(newest), text(newest, format)) == (0, {})


def test_each_written_series_has_a_time_of_its_own() -> None:
    newest, format = Newest(), Text(utf8=False)
    newest.apply(part("1"), pushed.block((metric("a"), 1, 5), (metric("b"), 1, 5)), UNTIL)
    newest.apply(part("2"), pushed.block((metric("b"), 2, 6)), UNTIL + 60)

    newest.forget(UNTIL + 30)

    assert text(newest, format) == {Key("b", "b"): b"b 2.0 6\n"}


def test_indexes_follow_whatever_is_applied_after_they_were_made() -> None:
    newest, first, second = Newest(), Text(utf8=False), Text(utf8=True)
    newest.apply(WHOLE, pushed.block((metric("a"), 1, 5)), UNTIL)
    text(newest, first)
    text(newest, second)
    newest.apply(WHOLE, pushed.block((metric("a"), 2, 6)), UNTIL)

    assert text(newest, first) == text(newest, second) == {Key("a", "a"): b"a 2.0 6\n"}


def test_an_index_that_nobody_asks_for_is_dropped_and_made_again() -> None:
    newest, format = Newest(), Text(utf8=False)
    newest.apply(WHOLE, pushed.block((metric("a"), 1, 5)), NOW + 1e6)
    text(newest, format, NOW)
    newest.forget(NOW + 3600)
    newest.apply(WHOLE, pushed.block((metric("b"), 1, 5)), NOW + 1e6)

    assert text(newest, format, NOW + 3600) == {Key("b", "b"): b"b 1.0 5\n"}


def test_what_cannot_be_read_changes_nothing() -> None:
    newest = Newest()
    newest.apply(WHOLE, pushed.block((metric("a"), 1, 5)), UNTIL)

    for broken in (b"", b"\x05abc", snappy_block.compress(b"\x0a\xff")):
        with pytest.raises(errors.Undecodable):
            newest.apply(WHOLE, broken, UNTIL)

    assert held(newest) == {"a"}


def test_types_are_those_that_the_source_told() -> None:
    newest = Newest()
    newest.apply(WHOLE, pushed.block((metric("a"), 1, 5), types={"a": "gauge"}), UNTIL)

    assert newest.type_of(SOURCE, "a") == "gauge"
    assert newest.type_of(SOURCE, "b") == ""
    assert newest.type_of((JOB, "ff"), "a") == ""


def test_a_stream_that_begins_anew_leaves_nothing_behind() -> None:
    newest, format = Newest(), Text(utf8=False)
    newest.apply(WHOLE, pushed.block((metric("a"), 1, 5)), UNTIL)
    text(newest, format)

    newest.clear()

    assert (len(newest), text(newest, format)) == (0, {})


def test_a_message_without_series_hides_its_cluster() -> None:
    newest, format = Newest(), Text(utf8=False)
    newest.apply(WHOLE, pushed.block(), UNTIL)
    newest.apply(WHOLE, pushed.block((metric("a"), 1, 5)), UNTIL)
    newest.apply(part("1"), pushed.block((metric("b"), 1, 5)), UNTIL)
    text(newest, format)

    newest.apply(WHOLE, pushed.block(), UNTIL)

    assert (len(newest), text(newest, format)) == (0, {})

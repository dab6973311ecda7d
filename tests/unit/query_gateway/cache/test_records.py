"""What is kept, what is missing, and how both make an answer."""

import msgspec
from tests.unit.query_gateway.cache.test_matrix import body

from query_gateway.cache import matrix, records
from query_gateway.cache.records import Record
from query_gateway.cache.steps import CHUNK, Span, Steps

WHERE = Steps(1_000, 0)


def record(first: int, last: int, since: int = 5) -> Record:
    values = [[number, str(number)] for number in range(first, last + 1)]
    answer = matrix.decoded(body({"metric": {}, "values": values}))
    return Record(Span(first, last), answer, since)


def test_a_record_survives_being_stored() -> None:
    one = record(3, 5)

    found = records.read(records.stored(one))

    assert found is not None
    assert found == one


def test_whatever_else_is_in_a_cache_is_nothing() -> None:
    assert records.read(b"") is None
    assert records.read(b"\x93\x01\x02\xc4\x01x") is None


def test_a_record_of_another_schema_is_nothing() -> None:
    schema, *rest = msgspec.msgpack.decode(records.stored(record(3, 5)))

    assert records.read(msgspec.msgpack.encode([schema, *rest])) is not None
    assert records.read(msgspec.msgpack.encode([schema + 1, *rest])) is None


def test_missing_is_what_no_record_holds() -> None:
    kept = {0: record(3, CHUNK - 1), 1: record(CHUNK, CHUNK + 3)}

    assert records.missing(Span(5, CHUNK + 2), kept) == []
    assert records.missing(Span(5, CHUNK + 5), kept) == [Span(CHUNK + 4, CHUNK + 5)]
    assert records.missing(Span(2, CHUNK), kept) == [Span(2, 2)]
    assert records.missing(Span(0, 2 * CHUNK), {}) == [Span(0, 2 * CHUNK)]


def test_kept_and_fetched_steps_make_one_answer() -> None:
    kept = {0: record(0, 5)}
    fetched = [record(6, 9)]

    answer = records.answer(Span(4, 9), WHERE, kept, fetched, 0)

    assert answer == matrix.encoded(record(4, 9).answer)


def test_records_grow_by_settled_steps() -> None:
    changed = records.grown({0: record(0, 5)}, [record(6, CHUNK + 3)], WHERE, CHUNK + 1)

    assert {chunk: one.span for chunk, one in changed.items()} == {
        0: Span(0, CHUNK - 1),
        1: Span(CHUNK, CHUNK + 1),
    }
    assert matrix.encoded(changed[0].answer) == matrix.encoded(record(0, CHUNK - 1).answer)


def test_records_grow_at_both_ends_and_new_steps_replace_old_ones() -> None:
    old = record(10, 20, since=1)

    for first, last, expected in (
        (5, 9, Span(5, 20)),
        (21, 30, Span(10, 30)),
        (5, 30, Span(5, 30)),
        (12, 15, Span(10, 20)),
        (25, 30, Span(25, 30)),  # it would have a hole
    ):
        grown = records.grown({0: old}, [record(first, last, since=2)], WHERE, CHUNK)[0]
        whole = record(*expected)
        assert grown.answer == whole.answer
        assert grown == Record(expected, whole.answer, 2 if first > 21 or last - first == 25 else 1)


def test_steps_that_are_not_settled_are_not_kept() -> None:
    assert records.grown({}, [record(6, 9)], WHERE, 5) == {}

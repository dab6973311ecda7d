"""What is kept, what is missing, and how both make an answer."""

from tests.unit.query_gateway.cache.test_matrix import body

from query_gateway.cache import matrix, records
from query_gateway.cache.records import Record
from query_gateway.cache.steps import CHUNK, Span, Steps

WHERE = Steps(1_000, 0)


def record(first: int, last: int) -> Record:
    values = [[number, str(number)] for number in range(first, last + 1)]
    return Record(Span(first, last), matrix.decoded(body({"metric": {}, "values": values})))


def test_a_record_survives_being_stored() -> None:
    one = record(3, 5)

    found = records.read(records.stored(one))

    assert found is not None
    assert found.span == one.span
    assert matrix.encoded(found.answer) == matrix.encoded(one.answer)


def test_whatever_else_is_in_a_cache_is_nothing() -> None:
    assert records.read(b"") is None
    assert records.read(b"\x93\x01\x02\xc4\x01x") is None


def test_missing_is_what_no_record_holds_from_its_beginning_on() -> None:
    kept = {0: record(3, CHUNK - 1), 1: record(CHUNK, CHUNK + 3)}

    assert records.missing(Span(5, CHUNK + 2), kept) == []
    assert records.missing(Span(5, CHUNK + 5), kept) == [Span(CHUNK + 4, CHUNK + 5)]
    assert records.missing(Span(2, CHUNK), kept) == [Span(2, CHUNK - 1)]
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


def test_steps_that_are_not_settled_are_not_kept() -> None:
    assert records.grown({}, [record(6, 9)], WHERE, 5) == {}

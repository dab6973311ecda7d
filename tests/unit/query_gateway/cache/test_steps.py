"""Steps are numbered since the epoch."""

from query_gateway.cache import steps
from query_gateway.cache.steps import CHUNK, Span, Steps


def test_ranges_at_different_times_share_their_steps() -> None:
    one = steps.steps_of(15_007, 45_007, 15_000)
    later = steps.steps_of(30_007, 60_007, 15_000)

    assert one == (Steps(15_000, 7), Span(1, 3))
    assert later == (Steps(15_000, 7), Span(2, 4))
    assert one[0].time(3) == 45_007
    assert one[0].before(60_006) == 3


def test_an_end_between_steps_belongs_to_the_one_before() -> None:
    assert steps.steps_of(0, 29, 10)[1] == Span(0, 2)


def test_chunks_divide_a_span() -> None:
    span = Span(CHUNK - 1, 2 * CHUNK)

    assert [steps.part(span, chunk) for chunk in steps.chunks(span)] == [
        Span(CHUNK - 1, CHUNK - 1),
        Span(CHUNK, 2 * CHUNK - 1),
        Span(2 * CHUNK, 2 * CHUNK),
    ]


def test_spans_that_touch_are_joined() -> None:
    assert steps.joined([Span(0, 1), Span(2, 3), Span(5, 6)]) == [Span(0, 3), Span(5, 6)]

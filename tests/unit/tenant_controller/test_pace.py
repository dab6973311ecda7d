"""Nothing is written more often than it may be, and nothing is forgotten."""

from tenant_controller.pace import Pace

A, B = ("ns", "a"), ("ns", "b")


def test_what_was_touched_is_due_at_once_and_then_not_again() -> None:
    pace = Pace(10, 30)
    pace.touch([A, B], 100)
    pace.touch([A], 100)

    assert pace.due(100, 9) == [A, B]
    assert (pace.due(500, 9), pace.next_at) == ([], None)


def test_what_was_written_is_due_only_after_a_while() -> None:
    pace = Pace(10, 30)
    pace.wrote(A, 100)
    pace.touch([A], 101)

    assert (pace.due(109.9, 9), pace.next_at) == ([], 110)
    assert pace.due(110, 9) == [A]


def test_progress_is_written_more_seldom() -> None:
    pace = Pace(10, 30)
    assert pace.may_write_progress(A, 0)

    pace.wrote(A, 100)

    assert [pace.may_write_progress(A, now) for now in (129, 130)] == [False, True]


def test_an_earlier_plan_replaces_a_later_one_and_not_the_other_way_round() -> None:
    pace = Pace(10, 30)
    pace.look_again(A, 100)
    pace.touch([A], 101)
    pace.look_again(A, 101)

    assert pace.next_at == 101
    assert pace.due(101, 9) == [A]
    assert pace.next_at is None


def test_no_more_than_asked_for_are_returned_the_oldest_first() -> None:
    pace = Pace(10, 30)
    pace.touch([B], 1)
    pace.touch([A], 2)

    assert [pace.due(5, 1), pace.due(5, 1)] == [[B], [A]]


def test_what_is_gone_is_not_due() -> None:
    pace = Pace(10, 30)
    pace.touch([A], 1)
    pace.forget(A)

    assert (pace.due(5, 9), pace.next_at) == ([], None)

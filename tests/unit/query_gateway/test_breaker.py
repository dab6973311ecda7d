"""A backend that fails is left alone, and tried again."""

from query_gateway.breaker import Breaker


def breaker() -> Breaker:
    return Breaker(failures=3, seconds=1.0, most_seconds=3.0)


def fail(one: Breaker, times: int, now: float) -> None:
    for _ in range(times):
        one.failed("a", now)


def test_a_few_failures_in_a_row_open_the_circuit() -> None:
    one = breaker()
    fail(one, 2, 0.0)
    assert one.take("a", 0.0)

    one.failed("a", 0.0)

    assert not one.take("a", 0.9)
    assert one.take("b", 0.9)


def test_an_answer_between_them_begins_the_count_anew() -> None:
    one = breaker()
    fail(one, 2, 0.0)
    one.succeeded("a")
    fail(one, 2, 0.0)

    assert one.take("a", 0.0)


def test_after_the_pause_one_request_is_a_trial() -> None:
    one = breaker()
    fail(one, 3, 0.0)

    assert one.take("a", 1.0)
    assert not one.take("a", 1.1)

    one.succeeded("a")
    assert one.take("a", 1.2)


def test_a_trial_that_does_not_end_is_followed_by_another() -> None:
    one = breaker()
    fail(one, 3, 0.0)
    assert one.take("a", 1.0)

    assert one.take("a", 2.0)


def test_the_pause_doubles_up_to_a_limit() -> None:
    one = breaker()
    fail(one, 3, 0.0)
    one.failed("a", 1.0)
    assert not one.take("a", 2.9)
    assert one.take("a", 3.0)

    one.failed("a", 3.0)
    assert not one.take("a", 5.9)
    assert one.take("a", 6.0)

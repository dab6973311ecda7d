"""A free place goes to who has the fewest, and within a tenant to who came first."""

import random

import pytest

from query_gateway.fair import FairQueue

type Queue = FairQueue[str]


def fill(queue: Queue, tenant: str, most: int, *requests: str) -> list[str]:
    """Enter or wait; return who got a place at once."""
    seated = []
    for request in requests:
        if queue.enter(tenant, most):
            seated.append(request)
        else:
            queue.wait(tenant, most, request)
    return seated


def drain(queue: Queue) -> list[tuple[str, str]]:
    """Return who is called, in order."""
    called = []
    while (one := queue.next()) is not None:
        called.append(one)
    return called


def test_a_tenant_has_no_more_than_its_own() -> None:
    queue: Queue = FairQueue(10)

    assert fill(queue, "a", 2, "a1", "a2", "a3") == ["a1", "a2"]
    assert fill(queue, "b", 2, "b1") == ["b1"]
    assert (queue.waiting, queue.waiting_of("a"), queue.active_tenants) == (1, 1, 2)
    assert drain(queue) == []
    queue.leave("a")
    assert drain(queue) == [("a", "a3")]


def test_all_together_have_no_more_than_there_are_places() -> None:
    queue: Queue = FairQueue(2)

    assert fill(queue, "a", 9, "a1", "a2") == ["a1", "a2"]
    assert fill(queue, "b", 9, "b1") == []


def test_the_tenant_with_the_fewest_is_next_however_many_of_another_wait() -> None:
    queue: Queue = FairQueue(3)
    fill(queue, "a", 9, "a1", "a2", "a3", "a4", "a5")
    fill(queue, "b", 9, "b1", "b2")

    called = []
    for _ in range(4):
        queue.leave("a")
        called += drain(queue)

    assert called == [("b", "b1"), ("a", "a4"), ("b", "b2"), ("a", "a5")]


def test_of_equals_the_one_that_waited_longest_is_next() -> None:
    queue: Queue = FairQueue(1)
    fill(queue, "a", 9, "a1", "a2", "a3")
    fill(queue, "b", 9, "b1", "b2")
    fill(queue, "c", 9, "c1")

    called, last = [], "a"
    for _ in range(5):
        queue.leave(last)
        ((last, request),) = drain(queue)
        called.append(request)

    assert called == ["b1", "c1", "a2", "b2", "a3"]


def test_nobody_overtakes_others_of_the_same_tenant() -> None:
    queue: Queue = FairQueue(2)
    fill(queue, "a", 1, "a1", "a2")
    queue.leave("a")

    assert not queue.enter("a", 1)
    assert drain(queue) == [("a", "a2")]


def test_who_gave_up_is_not_called() -> None:
    queue: Queue = FairQueue(1)
    fill(queue, "a", 1, "a1", "a2", "a3")
    queue.give_up("a", "a2")
    queue.give_up("a", "a2")
    queue.give_up("nobody", "x")
    queue.leave("a")

    assert drain(queue) == [("a", "a3")]


def test_a_tenant_that_has_gone_is_forgotten() -> None:
    queue: Queue = FairQueue(1)
    fill(queue, "a", 1, "a1", "a2")
    queue.give_up("a", "a2")
    queue.leave("a")

    assert (queue.active_tenants, queue.waiting) == (0, 0)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_places_are_neither_lost_nor_invented(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test's dice
    queue: FairQueue[int] = FairQueue(5)
    seated: list[str] = []
    waiting: list[tuple[str, int]] = []
    for number in range(500):
        tenant = chance.choice("abc")
        match chance.choice(["come", "come", "leave", "give up"]):
            case "come":
                if queue.enter(tenant, 3):
                    seated.append(tenant)
                else:
                    queue.wait(tenant, 3, number)
                    waiting.append((tenant, number))
            case "leave" if seated:
                queue.leave(seated.pop(chance.randrange(len(seated))))
            case "give up" if waiting:
                queue.give_up(*waiting.pop(chance.randrange(len(waiting))))
            case _:
                pass
        while (one := queue.next()) is not None:
            waiting.remove(one)
            seated.append(one[0])
        assert queue.waiting == len(waiting)
        assert len(seated) <= 5
        assert all(seated.count(name) <= 3 for name in "abc")
        free = len(seated) < 5
        assert not any(free and seated.count(name) < 3 for name, _ in waiting), "a place is idle"

"""The preferred replica is asked, unless it has clearly more to do than the others."""

from query_gateway.load import Load

REPLICAS = ("a", "b", "c")


def test_the_preferred_order_holds_while_loads_are_alike() -> None:
    load = Load()
    for _ in range(4):
        for name in REPLICAS:
            load.begin(name)

    assert load.order(REPLICAS) == REPLICAS


def test_a_busy_replica_comes_last_until_its_requests_end() -> None:
    load = Load()
    for _ in range(5):
        load.begin("a")
    assert load.order(REPLICAS) == ("b", "c", "a")

    load.end("a")
    load.end("a")

    assert load.order(REPLICAS) == REPLICAS


def test_no_replica_gets_much_more_than_its_share() -> None:
    load = Load()
    taken = []
    for _ in range(300):
        first = load.order(REPLICAS)[0]
        load.begin(first)
        taken.append(first)

    assert max(taken.count(name) for name in REPLICAS) <= 126


def test_one_replica_is_asked_whatever_it_has_to_do() -> None:
    load = Load()
    for _ in range(100):
        load.begin("a")

    assert load.order(("a",)) == ("a",)

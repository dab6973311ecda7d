"""Who is killed: repeatable, everybody, and every pair."""

from collections import Counter
from random import Random

from tests.oracle.delivery import chaos
from tests.oracle.delivery.chaos import Victim

VICTIMS = (
    *(Victim("writer", f"writer-{n}") for n in range(3)),
    *(Victim("source", f"source-{n}") for n in "ab"),
    Victim("pushgateway", "endpoint-push"),
)


def rng(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - repeatable, no secret


def test_a_seed_decides_who_is_hit() -> None:
    assert list(chaos.single(VICTIMS, 20, rng(1))) == list(chaos.single(VICTIMS, 20, rng(1)))
    assert list(chaos.single(VICTIMS, 20, rng(1))) != list(chaos.single(VICTIMS, 20, rng(2)))


def test_everybody_is_hit_equally_often() -> None:
    hit = Counter(v for blow in chaos.single(VICTIMS, 12, rng(1)) for v in blow.victims)

    assert hit == dict.fromkeys(VICTIMS, 2)


def test_every_pair_of_kinds_is_hit_and_two_of_a_kind_where_there_are_two() -> None:
    blows = list(chaos.pairs(VICTIMS, rng(1)))

    assert [tuple(victim.kind for victim in blow.victims) for blow in blows] == [
        ("pushgateway", "source"),
        ("pushgateway", "writer"),
        ("source", "source"),
        ("source", "writer"),
        ("writer", "writer"),
    ]
    assert all(len(set(blow.victims)) == 2 for blow in blows)

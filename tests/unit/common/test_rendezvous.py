"""Only the keys of a member that comes or goes move."""

from tenantry_common import rendezvous

KEYS = [f"job-{n}" for n in range(500)]


def test_the_same_members_in_any_order_own_the_same_keys() -> None:
    assert rendezvous.owners("k", ["a", "b", "c"], 2) == rendezvous.owners("k", ["c", "b", "a"], 2)


def test_a_leaving_member_moves_only_its_own_keys() -> None:
    before = {key: rendezvous.owners(key, ["a", "b", "c"])[0] for key in KEYS}
    after = {key: rendezvous.owners(key, ["a", "b"])[0] for key in KEYS}

    assert {key for key in KEYS if before[key] != after[key]} == {
        key for key in KEYS if before[key] == "c"
    }


def test_keys_are_spread_evenly() -> None:
    owned = [rendezvous.owners(key, ["a", "b", "c"])[0] for key in KEYS]

    assert all(100 < owned.count(member) < 240 for member in "abc")


def test_the_second_owner_takes_over_when_the_first_goes() -> None:
    for key in KEYS:
        first, second = rendezvous.owners(key, ["a", "b", "c"], 2)
        assert rendezvous.owners(key, {"a", "b", "c"} - {first}) == (second,)


def test_nobody_owns_without_members() -> None:
    assert rendezvous.owners("k", []) == ()

"""Tokens and rights are asked for once in a while, and never taken for longer."""

from dataclasses import dataclass, field

import pytest

from query_gateway.failures import Failure
from query_gateway.identity.kubernetes import Kubernetes, User
from query_gateway.identity.presented import Presented

GRAFANA = User(name="system:serviceaccount:shop:grafana")
ALICE = User(name="alice", groups=("sre",))


@dataclass
class FixedReviews:
    """An API server as a test wants it; a `Reviews`."""

    owners: dict[str, User] = field(default_factory=lambda: {"g": GRAFANA, "a": ALICE})
    rights: set[tuple[str, str]] = field(default_factory=lambda: {("alice", "bank")})
    asked: list[str] = field(default_factory=list)
    away: bool = False

    async def owner(self, token: str) -> User | None:
        """Return whose token it is."""
        self._ask(f"token {token}")
        return self.owners.get(token)

    async def may_query(self, user: User, namespace: str) -> bool:
        """Return whether the rights say so."""
        self._ask(f"{user.name} {namespace}")
        return (user.name, namespace) in self.rights

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.away:
            raise Failure("identity", "away")


def bearer(token: str) -> Presented:
    return Presented(peer=None, authorization=(f"Bearer {token}",))


async def test_each_tenant_is_decided_by_a_review() -> None:
    reviews = FixedReviews()
    mode = Kubernetes(reviews, 10)

    found = await mode.identify(bearer("a"))

    assert found is not None
    assert (found.name, found.mode, found.tenants.default) == ("alice", "kubernetes", None)
    assert [await found.tenants.hold(name) for name in ("bank", "shop")] == [True, False]
    assert reviews.asked == ["token a", "alice bank", "alice shop"]


async def test_a_service_account_means_its_own_namespace_which_is_reviewed_too() -> None:
    found = await Kubernetes(FixedReviews(), 10).identify(bearer("g"))

    assert found is not None
    assert found.tenants.default == "shop"
    assert not await found.tenants.hold("shop")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("system:serviceaccount:shop", id="no name"),
        pytest.param("system:serviceaccount::x", id="no namespace"),
        pytest.param("system:node:shop", id="a node"),
    ],
)
async def test_others_have_no_namespace_of_their_own(name: str) -> None:
    reviews = FixedReviews(owners={"x": User(name=name)})

    found = await Kubernetes(reviews, 10).identify(bearer("x"))

    assert found is not None
    assert found.tenants.default is None


async def test_answers_are_used_again() -> None:
    reviews = FixedReviews()
    mode = Kubernetes(reviews, 10)

    for _ in range(3):
        found = await mode.identify(bearer("a"))
        assert found is not None
        assert await found.tenants.hold("bank")
        assert not await found.tenants.hold("shop")
        assert await mode.identify(bearer("nobody's")) is None

    assert sorted(reviews.asked) == ["alice bank", "alice shop", "token a", "token nobody's"]


async def test_answers_are_not_used_for_longer_than_configured() -> None:
    reviews = FixedReviews()
    mode = Kubernetes(reviews, 0)
    await mode.identify(bearer("a"))

    reviews.owners.clear()

    assert await mode.identify(bearer("a")) is None


async def test_rights_of_users_who_differ_in_anything_are_apart() -> None:
    reviews = FixedReviews()
    mode = Kubernetes(reviews, 10)
    users = [
        User(name="alice"),
        User(name="alice", uid="1"),
        User(name="alice", groups=("a", "b")),
        User(name="alice", groups=("a,b",)),
        User(name="alice", extra=(("a", ("b",)),)),
    ]

    for user in users:
        await mode.may_query(user, "bank")

    assert len(reviews.asked) == len(users)


@pytest.mark.parametrize(
    "presented",
    [
        pytest.param(Presented(peer=None), id="nothing"),
        pytest.param(bearer("tnt_a_" + "x" * 30), id="an API key is not shown to the API server"),
        pytest.param(bearer(""), id="an empty token"),
        pytest.param(Presented(peer=None, authorization=("Basic eDp5",)), id="a password"),
    ],
)
async def test_what_is_no_token_is_not_shown(presented: Presented) -> None:
    reviews = FixedReviews()

    assert await Kubernetes(reviews, 10).identify(presented) is None
    assert reviews.asked == []


async def test_when_the_api_server_is_away_nobody_can_say_and_that_is_not_remembered() -> None:
    reviews = FixedReviews(away=True)
    mode = Kubernetes(reviews, 10)
    with pytest.raises(Failure):
        await mode.identify(bearer("a"))

    reviews.away = False

    assert await mode.identify(bearer("a")) is not None

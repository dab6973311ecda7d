"""A signed token identifies its user, for as long as token and key are valid."""

import time
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from query_gateway.failures import Failure
from query_gateway.identity.jwt import IssuerTokens, Jwt
from query_gateway.identity.key_source import KeySource
from query_gateway.identity.presented import Presented
from query_gateway.identity.principal import Every, Held, Principal
from query_gateway.identity.settings import Grant
from query_gateway.identity.settings import Issuer as Settings
from query_gateway.identity.testing import Issuer
from query_gateway.metrics import Metrics


class Clock:
    """The wall clock, and how far it was moved."""

    moved = 0.0

    def __call__(self) -> float:
        return time.time() + self.moved


def presented(token: str) -> Presented:
    return Presented(peer=None, authorization=(f"Bearer {token}",))


def mode(issuer: Issuer, clock: Clock | None = None, **settings: object) -> tuple[Jwt, KeySource]:
    made = Settings(
        issuer=issuer.url,
        audiences=("tenantry",),
        unknown_key_seconds=0,
        **settings,  # type: ignore[arg-type]  # what the tests below give
    )

    async def fetch() -> bytes:
        return issuer.document

    keys = KeySource(made, fetch, Metrics(CollectorRegistry()))
    return Jwt([IssuerTokens(made, keys, now=clock or Clock())]), keys


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    made = Issuer()
    made.rotate("k1")
    return made


async def test_a_token_says_who_and_which_tenants(issuer: Issuer) -> None:
    jwt, _ = mode(issuer)

    assert await jwt.identify(presented(issuer.token(tenants=["a", "b", ""]))) == Principal(
        mode="jwt",
        name="alice of https://issuer.example",
        tenants=Held(frozenset({"a", "b"})),
    )


@pytest.mark.parametrize(
    ("claims", "tenants"),
    [
        pytest.param({"groups": ["team-web"]}, Held(frozenset({"web"})), id="mapped"),
        pytest.param({"groups": ["web"]}, Held(frozenset()), id="not mapped"),
        pytest.param({"groups": ["platform"]}, Every(), id="an administrator"),
        pytest.param({"groups": ["*"]}, Held(frozenset()), id="a star in the token"),
        pytest.param({"tenants": ["web"]}, Held(frozenset()), id="another claim"),
        pytest.param({}, Held(frozenset()), id="no claim"),
    ],
)
async def test_grants_map_the_claim(
    issuer: Issuer, claims: dict[str, Any], tenants: Held | Every
) -> None:
    jwt, _ = mode(
        issuer,
        tenants_claim="groups",
        grants=(
            Grant(pattern="team-(.+)", tenants=("$1",)),
            Grant(name="platform", tenants=("*",)),
        ),
    )

    found = await jwt.identify(presented(issuer.token(**claims)))

    assert found is not None
    assert found.tenants == tenants


async def test_without_grants_a_star_is_a_name(issuer: Issuer) -> None:
    jwt, _ = mode(issuer)

    found = await jwt.identify(presented(issuer.token(tenants="*")))

    assert found is not None
    assert found.tenants == Held(frozenset({"*"}))


@pytest.mark.parametrize("authorization", ["Basic eDp5", "Bearer tnt_a_b", "Bearer ", "Bearer x"])
async def test_other_credentials_are_for_other_modes(issuer: Issuer, authorization: str) -> None:
    jwt, _ = mode(issuer)

    assert await jwt.identify(Presented(peer=None, authorization=(authorization,))) is None


async def test_a_token_of_another_issuer_is_for_another_mode(issuer: Issuer) -> None:
    jwt, _ = mode(issuer)

    assert await jwt.identify(presented(issuer.token(iss="https://kubernetes.default"))) is None


async def refused(jwt: Jwt, token: str) -> str:
    with pytest.raises(Failure) as raised:
        await jwt.identify(presented(token))
    return raised.value.text


async def test_a_token_that_is_not_valid_is_refused_and_no_other_mode_is_asked(
    issuer: Issuer,
) -> None:
    jwt, _ = mode(issuer)

    assert await refused(jwt, issuer.unsigned()) == "the token is not valid: its key is not known"
    assert await refused(jwt, issuer.foreign()) == (
        "the token is not valid: its signature does not fit"
    )


async def test_what_was_verified_once_ends_with_the_token(issuer: Issuer) -> None:
    clock = Clock()
    jwt, _ = mode(issuer, clock, leeway_seconds=0)
    token = issuer.token(exp=int(time.time()) + 10)

    assert await jwt.identify(presented(token)) is await jwt.identify(presented(token))
    clock.moved = 10.0
    again = await jwt.identify(presented(token))  # verified anew: the library's clock did not move
    assert again is not await jwt.identify(presented(token))


async def test_what_was_verified_once_ends_with_the_key() -> None:
    own = Issuer()
    own.rotate("k1")
    jwt, keys = mode(own)
    token = own.token()
    await jwt.identify(presented(token))

    own.rotate("k2")
    await keys.refresh()

    assert await refused(jwt, token) == "the token is not valid: its key is not known"
    assert await jwt.identify(presented(own.token())) is not None

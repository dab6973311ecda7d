"""Which way of identification decides, where a request presents several."""

import time
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from receiver import testing
from receiver.identity.modes import Identity
from receiver.identity.presented import Presented
from receiver.identity.settings import Auth, Certificate, Tokens, TrustedHeader
from receiver.identity.source import Source
from receiver.metrics import Metrics
from receiver.refusal import Refused
from tenantry_common.contents import Unreadable
from tenantry_common.peer_certificate import Certificate as Shown

KEYS = Path("keys.json")
ISSUER = testing.Issuer()
PEER = Presented(peer="10.0.0.1", source=("t/j/header",))
CERTIFICATE = Shown(names=("dns:a",), not_after=time.time() + 3600)
SETTINGS = Auth(
    tokens=Tokens(keys_file="keys.json"),
    trusted_header=TrustedHeader(networks=("10.0.0.0/8",)),
    certificates=(Certificate(name="dns:a", tenant="t", job="j", cluster="certificate"),),
)


def identity(*, revoked: bool = False) -> Identity:
    class Nobody:
        """No session is needed without an upstream."""

    session: aiohttp.ClientSession = Nobody()  # type: ignore[assignment]  # see above
    made = Identity(SETTINGS, session, Metrics(CollectorRegistry()), lambda _: revoked)
    made.take_keys({KEYS: ISSUER.document})
    return made


async def refused(made: Identity, presented: Presented) -> int:
    with pytest.raises(Refused) as error:
        await made.identify(presented)
    return error.value.status


@pytest.mark.parametrize(
    ("presented", "cluster"),
    [
        pytest.param(Presented(bearer=ISSUER.token("token")), "token", id="a token"),
        pytest.param(PEER, "header", id="a peer"),
        pytest.param(Presented(certificate=CERTIFICATE), "certificate", id="a certificate"),
        pytest.param(
            Presented(peer="10.0.0.1", source=("t/j/header",), certificate=CERTIFICATE),
            "header",
            id="a peer that has a certificate",
        ),
        pytest.param(
            Presented(bearer=ISSUER.token("token"), certificate=CERTIFICATE),
            "token",
            id="a token over a mesh's certificate",
        ),
    ],
)
async def test_who_pushes(presented: Presented, cluster: str) -> None:
    assert (await identity().identify(presented)).cluster == cluster


async def test_a_bearer_that_is_not_valid_is_not_passed_over() -> None:
    assert await refused(identity(), Presented(bearer="x.y.z", certificate=CERTIFICATE)) == 401
    assert await refused(identity(), Presented(bearer="x", certificate=CERTIFICATE)) == 401
    assert await refused(identity(), Presented()) == 401


async def test_whoever_was_revoked_is_nobody() -> None:
    assert await refused(identity(revoked=True), PEER) == 401


async def test_keys_that_cannot_be_read_leave_the_last_ones_in_force() -> None:
    made = identity()
    for contents in (Unreadable("gone"), b"nonsense"):
        made.take_keys({KEYS: contents})
        assert (await made.identify(Presented(bearer=ISSUER.token("c")))).cluster == "c"


async def test_a_remembered_token_ends_with_its_key_and_with_its_time() -> None:
    now = [time.time()]
    made = Identity(
        SETTINGS,
        None,  # type: ignore[arg-type]  # no upstream is asked
        Metrics(CollectorRegistry()),
        lambda _: False,
        now=lambda: now[0],
    )
    made.take_keys({KEYS: ISSUER.document})
    presented = Presented(bearer=ISSUER.token("c", seconds=60))
    assert (await made.identify(presented)).cluster == "c"

    now[0] += 100
    assert await refused(made, presented) == 401
    now[0] -= 100
    made.take_keys({KEYS: testing.Issuer().document})
    assert await refused(made, presented) == 401


async def test_before_the_keys_are_read_a_token_is_our_fault() -> None:
    made = Identity(SETTINGS, None, Metrics(CollectorRegistry()), lambda _: False)  # type: ignore[arg-type]

    assert await refused(made, Presented(bearer=ISSUER.token("c"))) == 503
    with pytest.raises(Refused) as error:
        made.token(Source(job=testing.JOB, cluster="c", mode="x"))
    assert error.value.status == 503


async def test_a_peer_enrols_its_own_cluster_only() -> None:
    made = identity()

    assert (await made.enrol(PEER, "header")).cluster == "header"
    for presented, status in ((PEER, 403), (Presented(), 401)):
        with pytest.raises(Refused) as error:
            await made.enrol(presented, "another")
        assert error.value.status == status


def test_only_what_is_configured_is_followed() -> None:
    assert list(identity().background) == ["follow keys.json"]

"""Tokens that nobody signed for this, and what the time of a refusal tells.

Forged tokens are tried in `tests/unit/query_gateway/identity` one by one; here they meet the whole
gateway: the answer is 401, nothing reaches a backend, and the tenant header beside them, which would
be believed alone, changes nothing.

Classes: `alg` none, confusion of keys, injection into `kid`, expired and not yet valid tokens; timing.
"""

import statistics
import time
from collections.abc import Callable

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from tests.leakage import victim
from tests.leakage.estate import Estate

from query_gateway.identity.testing import Issuer, private_key, public_jwk, segment

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

_BANK = [victim.VICTIM]
_ROUNDS = 60
_APART_SECONDS = 0.02
"""Refusals of a hash that is computed, or of a backend that is asked, would be further apart."""


def _embedded(issuer: Issuer) -> str:
    """Sign with a key of one's own, and bring it along."""
    key = private_key("RS256")
    head = {"kid": "key-1", "jwk": public_jwk(key), "jku": "http://127.0.0.1:1/keys"}
    return jwt.encode(issuer.claims(tenants=_BANK), key, "RS256", headers=head)


def _altered(issuer: Issuer) -> str:
    head, _, signature = issuer.token().split(".")
    return f"{head}.{segment(issuer.claims(tenants=_BANK))}.{signature}"


FORGED: dict[str, Callable[[Issuer], str]] = {
    "alg none": lambda issuer: issuer.unsigned(tenants=_BANK),
    "alg nOnE": lambda issuer: issuer.unsigned("nOnE", tenants=_BANK),
    "no signature": lambda issuer: issuer.unsigned("RS256", tenants=_BANK),
    "the public key as secret": lambda issuer: issuer.confused(tenants=_BANK),
    "the same, DER": lambda issuer: issuer.confused(Encoding.DER, tenants=_BANK),
    "another key": lambda issuer: issuer.foreign(tenants=_BANK),
    "a key that comes along": _embedded,
    "claims changed": _altered,
    "kid as a path": lambda issuer: issuer.foreign(
        headers={"kid": "../../../../dev/null"}, tenants=_BANK
    ),
    "kid as a query": lambda issuer: issuer.foreign(
        headers={"kid": "x' UNION SELECT 'key"}, tenants=_BANK
    ),
    "kid as a list": lambda issuer: issuer.foreign(headers={"kid": "key-1\x00"}, tenants=_BANK),
    "expired": lambda issuer: issuer.token(tenants=_BANK, exp=1),
    "of the future": lambda issuer: issuer.token(tenants=_BANK, nbf=int(time.time()) + 9_999),
    "for somebody else": lambda issuer: issuer.token(tenants=_BANK, aud="another"),
    "without an end": lambda issuer: issuer.token(tenants=_BANK, exp=None),
}


@pytest.mark.parametrize("name", FORGED)
async def test_a_token_that_is_not_good_is_worse_than_none(attacked: Estate, name: str) -> None:
    token = FORGED[name](attacked.issuer)
    with attacked.judged("shop") as reached:
        for path in ("/api/v1/query?query=shared_total", "/tenants/bank/api/v1/labels"):
            found = await attacked.attack(
                victim.VICTIM, "GET", path, headers={"Authorization": f"Bearer {token}"}
            )
            assert found.status == 401, found.body

    assert not list(reached)


async def test_a_good_token_opens_its_own_tenant_and_no_other(attacked: Estate) -> None:
    headers = {"Authorization": f"Bearer {attacked.issuer.token(tenants=['shop'])}"}
    with attacked.judged("shop"):
        own = await attacked.attack("shop", "GET", "/api/v1/query?query=up", headers=headers)
        other = await attacked.attack(
            victim.VICTIM, "GET", "/api/v1/query?query=up", headers=headers
        )

    assert (own.status, other.status) == (200, 403)


async def test_a_refusal_tells_by_its_time_neither_who_exists_nor_what_is_stored(
    attacked: Estate,
) -> None:
    headers = {"Authorization": f"Bearer {attacked.issuer.token(tenants=['shop'])}"}
    pairs = {
        "tenants": ((victim.VICTIM, "up"), ("nowhere", "up")),
        "series": (
            ("shop", "hidden_requests_total%7Bsecret%3D%22x%22%7D"),
            ("shop", "never_was_total"),
        ),
    }
    for name, requests in pairs.items():
        taken: tuple[list[float], list[float]] = ([], [])
        for _ in range(_ROUNDS):
            for seconds, (tenant, query) in zip(taken, requests, strict=True):
                started = time.perf_counter()
                await attacked.attack(
                    tenant, "GET", f"/api/v1/query?query={query}", headers=headers
                )
                seconds.append(time.perf_counter() - started)
        one, other = map(statistics.median, taken)
        assert abs(one - other) < _APART_SECONDS, (name, one, other)

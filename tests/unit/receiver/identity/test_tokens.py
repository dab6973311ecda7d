"""A token says what was signed, and nothing else passes for one."""

import base64
import json
from typing import Any

import jwt
import pytest

from receiver.identity import keyring, rotation, tokens
from receiver.identity.source import Source
from receiver.refusal import Refused
from tenantry_common.subjects import JobRef

NOW = 1_790_000_000.0
STORED = rotation.new(0)
RING = keyring.parse(rotation.private_document((STORED,)))
SOURCE = Source(job=JobRef("t", "j"), cluster="c", mode="credential", credential="x")
CLAIMS: dict[str, Any] = {
    "iss": tokens.ISSUER,
    "aud": tokens.AUDIENCE,
    "sub": "c",
    "tenant": "t",
    "job": "j",
    "credential": "x",
    "iat": int(NOW),
    "exp": int(NOW) + 60,
    "jti": "1",
}


def key() -> keyring.Key:
    found = RING.signing(NOW)
    assert found is not None
    return found


def signed(**changed: Any) -> str:
    claims = {name: value for name, value in {**CLAIMS, **changed}.items() if value is not None}
    return jwt.encode(claims, key().signing, algorithm="EdDSA", headers={"kid": key().kid})


def part(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def test_a_token_says_whose_it_is() -> None:
    text = tokens.issue(key(), SOURCE, NOW, 60)

    found, until = tokens.verify(RING, text, NOW)

    assert tokens.is_ours(text)
    assert (found.job, found.cluster, found.credential) == (SOURCE.job, "c", "x")
    assert found.token
    assert until == NOW + 90


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(signed(exp=int(NOW) - 31), id="expired"),
        pytest.param(signed(iat=int(NOW) + 31), id="from the future"),
        pytest.param(signed(iss="other"), id="another issuer"),
        pytest.param(signed(aud="other"), id="for somebody else"),
        pytest.param(signed(sub=""), id="of nobody"),
        pytest.param(signed(sub=5), id="of a number"),
        pytest.param(signed(exp=None), id="without end"),
        pytest.param(signed(exp="never"), id="an end that is none"),
        pytest.param(signed(tenant=None), id="without tenant"),
        pytest.param(signed(job=["j"]), id="for several jobs"),
        pytest.param(signed()[:-4] + "AAAA", id="another signature"),
        pytest.param(".".join((part({"alg": "none"}), part(CLAIMS), "")), id="no algorithm"),
        pytest.param(
            jwt.encode(CLAIMS, STORED.x * 2, algorithm="HS256", headers={"kid": STORED.kid}),
            id="the public key as a secret",
        ),
        pytest.param("..", id="empty"),
        pytest.param("a.b.c", id="nonsense"),
        pytest.param("é.é.é", id="no base64"),
        pytest.param(signed(pad="x" * 9000), id="long"),
    ],
)
def test_what_is_no_token(token: str) -> None:
    with pytest.raises(Refused) as refused:
        tokens.verify(RING, token, NOW)
    assert refused.value.status == 401


@pytest.mark.parametrize(
    ("token", "ours"),
    [
        pytest.param(signed(), True, id="ours"),
        pytest.param(signed(exp=1), True, id="ours, over"),
        pytest.param(signed(iss="other"), False, id="somebody else's"),
        pytest.param("tnt_a.b.c_" + "x" * 43, False, id="a credential with dots"),
        pytest.param("a.b.c", False, id="nonsense"),
        pytest.param("abc", False, id="opaque"),
    ],
)
def test_a_token_is_told_from_other_credentials(token: str, ours: bool) -> None:
    assert tokens.is_ours(token) is ours


def test_a_token_of_a_key_that_is_gone_is_none() -> None:
    other = keyring.parse(rotation.private_document((rotation.new(0),)))

    with pytest.raises(Refused, match="key is not known"):
        tokens.verify(other, signed(), NOW)


def test_what_people_type_to_revoke_a_token_never_looks_like_an_option() -> None:
    issued = [tokens.issue(key(), SOURCE, NOW, 60) for _ in range(50)]
    claims = [jwt.decode(one, options={"verify_signature": False}) for one in issued]

    assert all(set(one["jti"]) <= set("0123456789abcdef") for one in claims)

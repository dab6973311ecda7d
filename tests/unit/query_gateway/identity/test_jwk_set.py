"""Of a key set, only public keys for signatures are taken, each for its own algorithms."""

import base64
import contextlib
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from query_gateway.identity import jwk_set
from query_gateway.identity.jwk_set import NotAKeySet
from query_gateway.identity.testing import private_key, public_jwk

RSA = private_key("RS256")
EC = private_key("ES256")
ED = private_key("EdDSA")
WEAK = rsa.generate_private_key(65537, 1024)  # noqa: S505 - it is what must be refused
SYMMETRIC = {"kty": "oct", "k": base64.urlsafe_b64encode(b"x" * 32).decode()}
RSA_ALGORITHMS = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}


def document(*keys: Any) -> bytes:
    return msgspec.json.encode({"keys": keys})


@pytest.mark.parametrize(
    ("jwk", "algorithms"),
    [
        pytest.param(public_jwk(RSA), RSA_ALGORITHMS, id="RSA"),
        pytest.param(public_jwk(EC), {"ES256"}, id="EC: the curve's"),
        pytest.param(public_jwk(private_key("ES384")), {"ES384"}, id="another curve"),
        pytest.param(public_jwk(ED), {"EdDSA"}, id="Ed25519"),
        pytest.param(public_jwk(RSA, alg="PS256"), {"PS256"}, id="its own word counts"),
    ],
)
def test_a_key_is_for_the_algorithms_of_its_type(jwk: dict[str, Any], algorithms: set[str]) -> None:
    (key,) = jwk_set.parse(document(jwk)).keys

    assert set(key.by_algorithm) == algorithms


@pytest.mark.parametrize(
    "jwk",
    [
        pytest.param(SYMMETRIC, id="symmetric"),
        pytest.param({**SYMMETRIC, "alg": "RS256"}, id="symmetric, pretending"),
        pytest.param(public_jwk(RSA, use="enc"), id="for encryption"),
        pytest.param({**public_jwk(RSA), "key_ops": ["encrypt"]}, id="for encryption, by key_ops"),
        pytest.param(public_jwk(RSA, alg="HS256"), id="a public key for HMAC"),
        pytest.param(public_jwk(RSA, alg="none"), id="a public key for nothing"),
        pytest.param(public_jwk(EC, alg="RS256"), id="EC for RSA"),
        pytest.param(public_jwk(WEAK), id="RSA of 1024 bits"),
        pytest.param({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}, id="another curve"),
        pytest.param({"kty": "EC", "crv": ["P-256"]}, id="a list of curves"),
        pytest.param({**public_jwk(EC), "key_ops": 5}, id="key_ops: a number"),
        pytest.param({**public_jwk(EC), "key_ops": "verify"}, id="key_ops: a text"),
        pytest.param({**public_jwk(EC), "crv": {}}, id="crv: an object"),
        pytest.param({**public_jwk(EC), "alg": ["ES256"]}, id="alg: a list"),
        pytest.param({**public_jwk(EC), "kid": {}}, id="kid: an object"),
        pytest.param({"kty": "RSA"}, id="nothing in it"),
        pytest.param({"kty": "RSA", "n": 5, "e": "AQAB"}, id="a number"),
        pytest.param({**public_jwk(EC), "x": "AAAA"}, id="not on the curve"),
        pytest.param({}, id="no type"),
        pytest.param(public_jwk(EC, kid="x" * 300), id="a very long id"),
        pytest.param("key", id="a text"),
    ],
)
def test_other_keys_are_left_out(jwk: Any) -> None:
    with pytest.raises(NotAKeySet, match="no key that can verify"):
        jwk_set.parse(document(jwk))

    assert len(jwk_set.parse(document(jwk, public_jwk(ED))).keys) == 1


def test_a_private_key_in_the_set_is_only_its_public_half() -> None:
    private = {**public_jwk(EC), "d": "AAAA"}

    (key,) = jwk_set.parse(document(private)).keys

    assert not hasattr(key.by_algorithm["ES256"].key, "private_numbers")


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[]", b'{"keys": {}}', b'{"keys": []}', b"\xff", b'{"keys": 1}']
)
def test_what_is_no_key_set(text: bytes) -> None:
    with pytest.raises(NotAKeySet):
        jwk_set.parse(text)


def test_a_key_is_found_by_its_id() -> None:
    keys = jwk_set.parse(document(public_jwk(RSA, kid="r"), public_jwk(EC, kid="e")))

    found = {
        (id, algorithm): keys.find(id, algorithm) is not None
        for id in ("r", "e", "x", 7, ["r"])
        if not isinstance(id, list)
        for algorithm in ("RS256", "ES256", "HS256")
    }

    assert {question for question, there in found.items() if there} == {
        ("r", "RS256"),
        ("e", "ES256"),
    }
    assert keys.find(["r"], "RS256") is None


def test_without_an_id_the_only_fitting_key_is_meant() -> None:
    one = jwk_set.parse(document(public_jwk(RSA, kid="r"), public_jwk(EC, kid="e")))
    two = jwk_set.parse(
        document(public_jwk(EC, kid="a"), public_jwk(private_key("ES256"), kid="b"))
    )

    assert one.find(None, "ES256") is one.find("e", "ES256")
    assert two.find(None, "ES256") is None


_NAMES = st.sampled_from(
    ["kty", "crv", "x", "y", "n", "e", "alg", "use", "kid", "key_ops", "d", "k"]
)
_TEXTS = st.sampled_from(
    ["RSA", "EC", "OKP", "oct", "P-256", "Ed25519", "AQAB", "sig", "verify", ""]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXTS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(_NAMES, _VALUES, max_size=8) | _VALUES, max_size=4))
def test_whatever_is_in_a_key_set_there_are_keys_or_there_are_none(keys: list[Any]) -> None:
    with contextlib.suppress(NotAKeySet):
        assert jwk_set.parse(document(*keys)).keys


@given(st.binary(max_size=50))
def test_whatever_a_document_is_it_is_a_key_set_or_it_is_none(text: bytes) -> None:
    with contextlib.suppress(NotAKeySet):
        jwk_set.parse(text)

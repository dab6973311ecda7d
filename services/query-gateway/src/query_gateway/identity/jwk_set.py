"""A JSON Web Key Set (RFC 7517) as the public keys that may verify a token; pure."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_LEAST_RSA_BITS = 2048
_MOST_KEYS = 100
_LONGEST_ID = 256


class NotAKeySet(Exception):
    """The document is no key set, or has no key in it that could verify anything."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """One public key, prepared for each algorithm that it may be used with."""

    id: str | None
    by_algorithm: Mapping[str, jwt.PyJWK]


@dataclass(frozen=True)
class KeySet:
    """The public keys of an issuer."""

    keys: tuple[Key, ...]
    digest: bytes = b""
    """Of the document; another one may hold other keys."""

    def find(self, id: object, algorithm: str) -> jwt.PyJWK | None:
        """Return the key with this id for this algorithm, None if there is none.

        The id is compared, never followed. Without one, the only key for the algorithm is meant.
        """
        if id is None:
            usable = [key for key in self.keys if algorithm in key.by_algorithm]
            return usable[0].by_algorithm[algorithm] if len(usable) == 1 else None
        for key in self.keys:
            if key.id == id and algorithm in key.by_algorithm:
                return key.by_algorithm[algorithm]
        return None


def parse(document: bytes) -> KeySet:
    """Return the keys in `document`. Raises `NotAKeySet`.

    Left out are keys for encryption, symmetric keys (whoever publishes one lets everybody sign),
    RSA keys below 2048 bits, and types that are not known.
    """
    try:
        decoded = msgspec.json.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotAKeySet("not JSON") from error
    listed = decoded.get("keys") if isinstance(decoded, dict) else None
    if not isinstance(listed, list):
        raise NotAKeySet("no list of keys")
    keys = tuple(_keys(listed[:_MOST_KEYS]))
    if not keys:
        raise NotAKeySet("no key that can verify a token")
    return KeySet(keys, hashlib.sha256(document).digest())


def _keys(listed: Sequence[object]) -> Iterator[Key]:
    for one in listed:
        if not isinstance(one, dict) or not _verifies(one):
            continue
        id = one.get("kid")
        if id is not None and not (isinstance(id, str) and len(id) <= _LONGEST_ID):
            continue
        prepared = {
            algorithm: key for algorithm in _algorithms(one) if (key := _key(one, algorithm))
        }
        if prepared:
            yield Key(id=id, by_algorithm=prepared)


def _verifies(one: Mapping[str, Any]) -> bool:
    """Return whether the key is meant for signatures, as far as it says."""
    operations = one.get("key_ops", ["verify"])
    named = isinstance(operations, list) and "verify" in operations
    return named and one.get("use", "sig") == "sig"


def _algorithms(one: Mapping[str, Any]) -> Sequence[str]:
    """Return what a key of this type may be used with: what it says itself, where it does."""
    match one.get("kty"), one.get("crv"):
        case "RSA", _:
            fitting: tuple[str, ...] = _RSA
        case "EC", curve if isinstance(curve, str) and curve in _CURVES:
            fitting = (_CURVES[curve],)
        case "OKP", "Ed25519" | "Ed448":
            fitting = ("EdDSA",)
        case _:
            return ()
    own = one.get("alg")
    return fitting if own is None else [name for name in fitting if name == own]


def _key(one: Mapping[str, Any], algorithm: str) -> jwt.PyJWK | None:
    # Only what makes up a public key: a private one in the set is still only its public half here.
    public = {name: one[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in one}
    try:
        key = jwt.PyJWK(public, algorithm)
    except jwt.PyJWTError:
        return None
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < _LEAST_RSA_BITS:
        return None
    return key

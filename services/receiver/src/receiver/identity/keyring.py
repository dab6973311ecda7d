"""The keys that sign and verify our own tokens: a JSON Web Key Set of Ed25519 keys (RFC 8037); pure.

Receivers that only verify have the public halves. A key signs from its `signs_from` on (seconds since
the epoch), which lies far enough behind its making that every instance knows it by then, and until a
newer one does; it verifies as long as it stands in the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jwt
import msgspec

ALGORITHM = "EdDSA"


class NotAKeyring(Exception):
    """The file cannot be used. Go on with the last one, or without."""


class StoredKey(msgspec.Struct, frozen=True, kw_only=True):
    """One key as it stands in the file."""

    kid: str
    x: str
    """The public half, base64url."""
    d: str | msgspec.UnsetType = msgspec.UNSET
    """The private half; not there where tokens are only verified."""
    signs_from: int = 0
    kty: str = "OKP"
    crv: str = "Ed25519"
    alg: str = ALGORITHM
    use: str = "sig"


class StoredKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file."""

    keys: tuple[StoredKey, ...]


@dataclass(frozen=True, kw_only=True)
class Key:
    """One key, ready for use."""

    kid: str
    signs_from: int
    verifying: Any
    """Of cryptography's Ed25519PublicKey."""
    signing: Any = None
    """Of cryptography's Ed25519PrivateKey; None: the file holds the public half only."""


class Keyring:
    """The keys of one file."""

    def __init__(self, keys: Sequence[Key] = ()) -> None:
        self._keys = {key.kid: key for key in keys}

    def __len__(self) -> int:
        return len(self._keys)

    def verifying(self, kid: object) -> Any:
        """Return the public key of this id, None if there is none. The id is only compared."""
        key = self._keys.get(kid) if isinstance(kid, str) else None
        return None if key is None else key.verifying

    def signing(self, now: float) -> Key | None:
        """Return the newest key that may sign at `now`, None if there is none."""
        usable = [key for key in self._keys.values() if key.signing and key.signs_from <= now]
        return max(usable, key=lambda key: key.signs_from, default=None)


def parse(document: bytes) -> Keyring:
    """Return the keys of a file. Raises `NotAKeyring`, without a word of what it holds."""
    try:
        stored = msgspec.json.decode(document, type=StoredKeys).keys
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotAKeyring("not a set of keys") from error
    if len({one.kid for one in stored}) < len(stored):
        raise NotAKeyring("two keys have the same id")
    return Keyring([_key(one) for one in stored])


def _key(stored: StoredKey) -> Key:
    if (stored.kty, stored.crv, stored.alg) != ("OKP", "Ed25519", ALGORITHM):
        raise NotAKeyring("a key is not of Ed25519")
    shared = {"kty": stored.kty, "crv": stored.crv, "x": stored.x}
    try:
        verifying = jwt.PyJWK(shared, ALGORITHM).key
        signing = (
            None
            if stored.d is msgspec.UNSET
            else jwt.PyJWK({**shared, "d": stored.d}, ALGORITHM).key
        )
    except jwt.PyJWTError as error:
        raise NotAKeyring("a key cannot be read") from error
    return Key(kid=stored.kid, signs_from=stored.signs_from, verifying=verifying, signing=signing)

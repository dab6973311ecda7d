"""Make, rotate and retire the keys of our tokens: what stands in the files after; pure but for keys.

A new key verifies at once and signs only after `lead` seconds, by when every instance has read it. The
keys before it go on verifying until the last token that they signed has ended.
"""

import base64

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from receiver.identity import keyring
from receiver.identity.keyring import StoredKey, StoredKeys


def read(document: bytes) -> tuple[StoredKey, ...]:
    """Return the keys of a file. Raises `keyring.NotAKeyring`."""
    keyring.parse(document)
    return msgspec.json.decode(document, type=StoredKeys).keys


def rotated(
    keys: tuple[StoredKey, ...], now: int, *, lead: int, lifetime: int
) -> tuple[StoredKey, ...]:
    """Return the keys with a new one, without those that no valid token was signed with.

    `now` and durations in seconds; `lifetime` is that of tokens. The first key signs at once.
    """
    fresh = new(now + lead if keys else now)
    every = sorted((*keys, fresh), key=lambda key: key.signs_from)
    return tuple(
        key
        for key, successor in zip(every, [*every[1:], None], strict=True)
        if successor is None or successor.signs_from + lifetime > now
    )


def without(keys: tuple[StoredKey, ...], kid: str) -> tuple[StoredKey, ...]:
    """Return the keys without one, whose tokens are worth nothing from then on.

    Raises KeyError when there is no such key.
    """
    left = tuple(key for key in keys if key.kid != kid)
    if len(left) == len(keys):
        raise KeyError(kid)
    return left


def new(signs_from: int) -> StoredKey:
    """Return a new key that signs from then on."""
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    secret = private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    kid = public.hex()[:16]  # typed behind `revoke key`, so it must not look like an option
    return StoredKey(kid=kid, x=_text(public), d=_text(secret), signs_from=signs_from)


def private_document(keys: tuple[StoredKey, ...]) -> bytes:
    """Return the file for instances that answer `/authorize`."""
    return msgspec.json.format(msgspec.json.encode(StoredKeys(keys=keys)), indent=2) + b"\n"


def public_document(keys: tuple[StoredKey, ...]) -> bytes:
    """Return the file for instances that only verify."""
    return private_document(tuple(msgspec.structs.replace(key, d=msgspec.UNSET) for key in keys))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")

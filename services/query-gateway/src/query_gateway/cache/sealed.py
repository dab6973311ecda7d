"""Records for a place that others can read and write: encrypted, and bound to their names; pure.

A value is only opened under the name for which it was sealed, with the same key and by the same schema.
So whoever can write to the store can lose records, or bring back an older one of the same name, but not
make one up, nor move a tenant's record to another's name; whoever can read it learns sizes and times.
"""

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_SCHEMA = b"tenantry-1"
_NONCE_BYTES = 12
LEAST_KEY_BYTES = 32
"""Length of the shortest secret that is taken, as it is written in its file."""


class Seal:
    """Seals with a secret that all gateways of one store have."""

    def __init__(self, secret: bytes) -> None:
        """Take the secret. Raises ValueError for a short one."""
        if len(secret) < LEAST_KEY_BYTES:
            raise ValueError(f"the key must have at least {LEAST_KEY_BYTES} bytes")
        self._secret = hashlib.sha256(secret).digest()

    def name(self, name: str) -> str:
        """Return the name that the store sees, from which the true one cannot be guessed."""
        return self._derived(name, b"name").hex()

    def close(self, name: str, record: bytes) -> bytes:
        """Return the value for a record."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher(name).encrypt(nonce, record, _SCHEMA)

    def open(self, name: str, value: bytes) -> bytes | None:
        """Return the record; None for whatever was not made by `close` for this name."""
        nonce, rest = value[:_NONCE_BYTES], value[_NONCE_BYTES:]
        try:
            return self._cipher(name).decrypt(nonce, rest, _SCHEMA)
        except (InvalidTag, ValueError):  # ValueError: too short for a nonce
            return None

    def _cipher(self, name: str) -> AESGCM:
        # A key for each name: random nonces of one key may not repeat, and a name has few records.
        return AESGCM(self._derived(name, b"record"))

    def _derived(self, name: str, use: bytes) -> bytes:
        made = hashlib.blake2b(name.encode(), digest_size=32, key=self._secret, person=use)
        return made.digest()

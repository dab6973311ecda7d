"""The credential that openshift/telemeter's clients send with remote writes: base64 of JSON; pure."""

import base64
import binascii
from typing import NamedTuple

import msgspec

_LONGEST = 16 * 1024


class Credential(NamedTuple):
    """A long-lived credential, and the cluster that presents it."""

    token: str
    cluster: str


class _Written(msgspec.Struct, frozen=True):
    authorization_token: str
    cluster_id: str


def read(bearer: str) -> Credential | None:
    """Return the credential that `bearer` is, None where it is none."""
    if len(bearer) > _LONGEST:
        return None
    try:
        document = base64.b64decode(bearer + "=" * (-len(bearer) % 4), validate=True)
        found = msgspec.json.decode(document, type=_Written)
    except (binascii.Error, msgspec.DecodeError, ValueError):
        return None
    return Credential(found.authorization_token, found.cluster_id)

"""The file of API keys: which hash, which tenants, until when; pure.

keys:
  - id: grafana-shop
    hash: $scrypt$ln=14,r=8,p=1$…
    tenants: [shop]
    expires: 2027-01-01T00:00:00Z
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec
import yaml

from query_gateway.identity import key_hash
from query_gateway.identity.principal import Every, Held
from query_gateway.identity.settings import EVERY


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One key."""

    id: str
    hash: str
    tenants: tuple[str, ...]
    """`"*"` is every tenant."""
    expires: datetime | None = None
    """When it ends; with a time zone."""

    def __post_init__(self) -> None:
        """Refuse what could never be used, or would be used otherwise than it looks."""
        if problem := key_hash.problem(self.hash):
            raise ValueError(f"hash: {problem}")
        if not self.tenants or "" in self.tenants:
            raise ValueError("a key is bound to tenants, and none may be empty")
        if self.expires is not None and self.expires.tzinfo is None:
            raise ValueError("expires needs a time zone")

    @property
    def held(self) -> Held | Every:
        """The tenants that the key's holder may ask for."""
        return Every() if EVERY in self.tenants else Held(frozenset(self.tenants))

    def ended(self, now: float) -> bool:
        """Return whether it is over at `now`, in seconds since the epoch."""
        return self.expires is not None and self.expires.timestamp() <= now


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    keys: tuple[Entry, ...] = ()


class NotAKeyFile(Exception):
    """The file cannot be read as a whole. Believe no key."""


def parse(document: bytes) -> Mapping[str, Entry]:
    """Return the keys by id. Raises `NotAKeyFile` naming what is wrong, never a hash."""
    try:
        found = msgspec.convert(yaml.safe_load(document) or {}, _File, strict=False)
    except (yaml.YAMLError, msgspec.ValidationError, ValueError, RecursionError) as error:
        # A ValueError: not UTF-8, or a date that is none, such as 2027-02-30.
        raise NotAKeyFile(_position(error)) from error
    keys = {entry.id: entry for entry in found.keys}
    if len(keys) < len(found.keys):
        raise NotAKeyFile("two keys have the same id")
    return keys


def _position(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"not YAML: line {error.problem_mark.line + 1}"
    return str(error) if isinstance(error, msgspec.ValidationError) else "not YAML"

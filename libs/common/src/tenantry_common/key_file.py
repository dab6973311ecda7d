"""API keys that were handed out, kept as hashes in a YAML file that is read again when it changes.

grafana:                      # the section
  - id: grafana-shop
    hash: $scrypt$ln=14,r=8,p=1$…
    expires: 2027-01-01T00:00:00Z
    …                         # what the holder may do
"""

import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from types import GenericAlias

import msgspec
import yaml

from tenantry_common import api_key
from tenantry_common.files import Contents
from tenantry_common.key_check import KeyCheck

_log = logging.getLogger(__name__)


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One key; who needs to know what its holder may do adds fields."""

    id: str
    hash: str
    expires: datetime | None = None
    """When it ends; with a time zone."""

    @staticmethod
    def problem(hashed: str) -> str:
        """Return why a hash cannot be used, or the empty string; overridden by who takes others."""
        return api_key.problem(hashed)

    @staticmethod
    def fits(hashed: str, secret: str) -> bool:
        """Return whether `secret` has this hash."""
        return api_key.fits(hashed, secret)

    def __post_init__(self) -> None:
        """Refuse what could never be used, or would be used otherwise than it looks."""
        if problem := self.problem(self.hash):
            raise ValueError(f"hash: {problem}")
        if self.expires is not None and self.expires.tzinfo is None:
            raise ValueError("expires needs a time zone")

    def ended(self, now: float) -> bool:
        """Return whether it is over at `now`, in seconds since the epoch."""
        return self.expires is not None and self.expires.timestamp() <= now


class NotAKeyFile(Exception):
    """The file cannot be read as a whole. Believe no key."""


class Unbelieved(Exception):
    """What was presented is no key, or none that is good now; the text says so, and nothing more."""


def parse[E: Entry](document: bytes, section: str, kind: type[E]) -> Mapping[str, E]:
    """Return the keys of a file by id. Raises `NotAKeyFile` naming what is wrong, never a hash."""
    entries = GenericAlias(tuple, (kind, ...))
    file = msgspec.defstruct("File", [(section, entries, ())], forbid_unknown_fields=True)
    try:
        found = msgspec.convert(yaml.safe_load(document) or {}, file, strict=False)
    except (yaml.YAMLError, msgspec.ValidationError, ValueError, RecursionError) as error:
        # A ValueError: not UTF-8, or a date that is none, such as 2027-02-30.
        raise NotAKeyFile(_position(error)) from error
    held: tuple[E, ...] = getattr(found, section)
    keys = {entry.id: entry for entry in held}
    if len(keys) < len(held):
        raise NotAKeyFile("two keys have the same id")
    return keys


def _position(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"not YAML: line {error.problem_mark.line + 1}"
    return str(error) if isinstance(error, msgspec.ValidationError) else "not YAML"


class Keys[E: Entry]:
    """The keys of one file, none while it cannot be read."""

    def __init__(
        self,
        section: str,
        kind: type[E],
        *,
        told: Callable[[str], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        """`told` hears `read` or `failed` whenever the file was read."""
        self._section = section
        self._kind = kind
        self._told = told
        self._now = now
        self._entries: Mapping[str, E] | None = None
        self._check: KeyCheck[E] = KeyCheck(kind.fits)

    @property
    def readable(self) -> bool:
        """Whether the file could be read the last time."""
        return self._entries is not None

    def take(self, contents: Contents) -> None:
        """Replace the keys by those of the one file in `contents`."""
        ((path, found),) = contents.items()
        self._check.forget()
        told = {"file": str(path), "section": self._section}
        try:
            if not isinstance(found, bytes):
                raise NotAKeyFile(found.reason)
            self._entries = parse(found, self._section, self._kind)
        except NotAKeyFile as error:
            self._entries = None
            self._told("failed")
            _log.error("keys not read, none is believed", extra={**told, "error": str(error)})
            return
        self._told("read")
        _log.info("keys read", extra={**told, "keys": len(self._entries)})

    async def holder(self, text: str) -> E:
        """Return whose key `text` is. Raises `Unbelieved`, and `key_check.Busy`.

        Ids are no secret: who knows one has nothing.
        """
        key = api_key.read(text)
        entry = (self._entries or {}).get(key.id) if key else None
        if key is None or entry is None:
            raise Unbelieved("the key is not valid")
        right = await self._check.is_right(entry, entry.hash, text, key.secret)
        # The file may have changed while we hashed: what it says now counts.
        if not right or (self._entries or {}).get(entry.id) is not entry:
            raise Unbelieved("the key is not valid")
        if entry.ended(self._now()):
            raise Unbelieved("the key has expired")
        return entry

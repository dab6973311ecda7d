"""Credentials for backends: which ones is said by name, where they are by each service's own files.

Discovery publishes with a backend the name of an access profile and nothing else; whoever asks the
backend finds the profile in its own configuration. A name that is not there, a file that cannot be
read, a password that would go over plain HTTP: then the backend is not asked at all.
"""

import base64
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tenantry_common import config, errors


class Profile(config.Section, frozen=True, kw_only=True):
    """How one kind of backend is asked. The files are read again when they change."""

    ca_file: str = ""
    """Path of the CA certificates, PEM, that sign the backends'; empty: those of the system."""
    cert_file: str = ""
    """Path of our certificate chain, PEM; empty: none is shown."""
    key_file: str = ""
    """Path of its private key, PEM, without a pass phrase."""
    server_name: str = ""
    """Name that the backends' certificates must have; empty: the URL's host, for pods an address."""
    bearer_token_file: str = ""
    """Path of a bearer token, as a service account has."""
    username: str = ""
    """User name of basic authentication."""
    password_file: str = ""
    """Path of its password."""
    plain_http: bool = False
    """Whether token or password may be sent without TLS."""

    def __post_init__(self) -> None:
        """Refuse halves."""
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("a client certificate needs cert_file and key_file")
        if bool(self.username) != bool(self.password_file):
            raise ValueError("basic authentication needs username and password_file")
        if self.username and self.bearer_token_file:
            raise ValueError("bearer_token_file and username exclude one another")


type Profiles = Mapping[str, Profile]
"""Name → profile, as in the configuration key `backend_access`."""


class Closed(errors.TenantryError):
    """A backend cannot be asked as it wants; the text says why, and never holds a credential."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """What a request to a backend is sent with."""

    headers: Mapping[str, str]
    tls: ssl.SSLContext | bool = True
    server_name: str | None = None


_OPEN = Way(headers={})


class Keyring:
    """The profiles of one service, and what was read of their files."""

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles
        self._contexts: dict[str, _Kept[ssl.SSLContext]] = {}
        self._texts: dict[str, _Kept[str]] = {}

    def open(self, url: str, name: str) -> Way:
        """Return how to ask the backend at `url` whose profile is `name`. Raises `Closed`."""
        if not name:
            return _OPEN
        profile = self._profiles.get(name)
        if profile is None:
            raise Closed(f"access profile {name!r} is not configured here")
        encrypted = url.startswith("https://")
        headers = self._headers(name, profile, encrypted)
        if not encrypted:
            return Way(headers=headers)
        files = (profile.ca_file, profile.cert_file, profile.key_file)
        tls = _kept(self._contexts, name, files, lambda: _context(name, profile))
        return Way(headers=headers, tls=tls, server_name=profile.server_name or None)

    def _headers(self, name: str, profile: Profile, encrypted: bool) -> Mapping[str, str]:
        path = profile.bearer_token_file or profile.password_file
        if not path:
            return {}
        if not encrypted and not profile.plain_http:
            raise Closed(f"access profile {name!r} sends its credentials over https only")
        secret = _kept(self._texts, path, (path,), lambda: _secret(name, path))
        if profile.username:
            pair = base64.b64encode(f"{profile.username}:{secret}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return {"Authorization": f"Bearer {secret}"}


@dataclass(frozen=True)
class _Kept[T]:
    """What was made of files, and how to tell that they are others now."""

    stamps: tuple[tuple[int, ...], ...]
    value: T


def _kept[T](
    kept: dict[str, _Kept[T]], key: str, paths: tuple[str, ...], make: Callable[[], T]
) -> T:
    """Return what `make` made of the files when they last changed."""
    stamps = tuple(_stamp(path) for path in paths)
    known = kept.get(key)
    if known is None or known.stamps != stamps:
        known = kept[key] = _Kept(stamps, make())  # stamped before: a change meanwhile counts
    return known.value


def _stamp(path: str) -> tuple[int, ...]:
    """Return what changes with a file; mounted Secrets are replaced by others, behind a link."""
    if not path:
        return ()
    try:
        status = Path(path).stat()
    except OSError:
        return ()  # reading it says why
    return status.st_mtime_ns, status.st_size, status.st_ino


def _secret(name: str, path: str) -> str:
    try:
        text = Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise Closed(f"access profile {name!r}: {path}: {why}") from error
    if not text or not text.isascii() or not text.isprintable():
        raise Closed(f"access profile {name!r}: {path}: not one line of ASCII")
    return text


def _context(name: str, profile: Profile) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=profile.ca_file or None)
        if profile.cert_file:
            context.load_cert_chain(profile.cert_file, profile.key_file, password=lambda: "")
    except (ssl.SSLError, ValueError, OSError) as error:
        raise Closed(f"access profile {name!r}: certificates cannot be used: {error}") from error
    return context

"""Read the secrets that jobs refer to, from files.

Kubernetes Secrets will be another source beside `Folder`, with the same `read`. A tenant names only
the secret and its key; the namespace is always its own, so nobody can refer to another's secret.
"""

from pathlib import Path
from typing import Protocol

from tenantry_common import contracts


class Unreadable(Exception):
    """A secret is not there, or not to be had. Wait and try again; the text says which one."""


class Source(Protocol):
    """Where secrets are read."""

    def read(self, namespace: str, reference: contracts.SecretRef) -> str:
        """Return the secret as it is now. Raises `Unreadable`."""


class Folder:
    """Secrets as files `<folder>/<namespace>/<name>/<key>`, the layout of mounted Secrets."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def read(self, namespace: str, reference: contracts.SecretRef) -> str:
        """Return the file's text without a newline at its end. Raises `Unreadable`."""
        what = f"secret {namespace}/{reference.name}, key {reference.key}"
        if not self._folder:
            raise Unreadable(f"{what}: the writer has no secrets_dir")
        names = (namespace, reference.name, reference.key)
        if not all(_is_one_name(name) for name in names):
            raise Unreadable(f"{what}: not a name of a file")
        try:
            return Path(self._folder, *names).read_text().removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise Unreadable(f"{what}: {why}") from error


def _is_one_name(name: str) -> bool:
    """Return whether `name` stays inside the folder that it is looked up in."""
    return name not in ("", ".", "..") and not any(c in name for c in "/\\\0")

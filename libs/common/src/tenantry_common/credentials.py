"""Read the secrets that jobs refer to, from files; `cluster_secrets` reads them from Kubernetes.

A tenant names only the secret and its key; the namespace is always its own, so nobody can refer to
another's secret.
"""

from pathlib import Path
from typing import Protocol

from tenantry_common import contracts


class Unreadable(Exception):
    """A secret is not there, or not to be had. Wait and try again; the text says which one."""


class Source(Protocol):
    """Where secrets are read."""

    async def read(self, namespace: str, reference: contracts.SecretRef) -> str:
        """Return the secret as it is now, or was a moment ago. Raises `Unreadable`."""

    def doubt(self, namespace: str, reference: contracts.SecretRef) -> None:
        """Take note that what was read is not accepted; what is read next must be new."""


def describe(namespace: str, reference: contracts.SecretRef) -> str:
    """Return how people are told of a secret; never what it is."""
    return f"secret {namespace}/{reference.name}, key {reference.key}"


class Folder:
    """Secrets as files `<folder>/<namespace>/<name>/<key>`, the layout of mounted Secrets."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    async def read(self, namespace: str, reference: contracts.SecretRef) -> str:
        """Return the file's text without a newline at its end. Raises `Unreadable`."""
        what = describe(namespace, reference)
        if not self._folder:
            raise Unreadable(f"{what}: no secrets_dir is configured")
        names = (namespace, reference.name, reference.key)
        if not all(_is_one_name(name) for name in names):
            raise Unreadable(f"{what}: not a name of a file")
        try:
            return Path(self._folder, *names).read_text().removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise Unreadable(f"{what}: {why}") from error

    def doubt(self, namespace: str, reference: contracts.SecretRef) -> None:
        """Do nothing: files are read every time."""


def _is_one_name(name: str) -> bool:
    """Return whether `name` stays inside the folder that it is looked up in."""
    return name not in ("", ".", "..") and not any(c in name for c in "/\\\0")

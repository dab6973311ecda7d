"""Who is not believed any more: a mirror of KV `revocations`, which `tenantry keys revoke` writes."""

from receiver import refusal
from receiver.identity.source import Source
from tenantry_common import contracts, kv, subjects


class Revocations:
    """Knows what was revoked, on every instance within moments."""

    def __init__(self, view: kv.KvView[contracts.Revocation]) -> None:
        self._view = view

    def revoked(self, source: Source) -> bool:
        """Return whether anything that `source` rests on was revoked. Raises `refusal.Refused`.

        An entry that cannot be decoded revokes too: its key says whom.
        """
        if not self._view.version:
            raise refusal.unavailable("what was revoked is not known yet")
        entries = self._view.raw
        return bool(entries) and any(
            subjects.revocation_key(kind, name) in entries for kind, name in source.names if name
        )

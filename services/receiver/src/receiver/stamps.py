"""What becomes of the timestamps of one push; pure, once per distinct timestamp."""

from receiver.refusal import Reason
from tenantry_common import errors, protowire
from tenantry_common.contracts import PushPolicy

type Stamp = tuple[int, int, bytes]
"""As it was pushed, as it is stored, both in milliseconds, and the latter's varint."""


class Stamps:
    """The timestamps of one push, by the bytes of their varints; empty bytes: there is none."""

    def __init__(self, policy: PushPolicy, now_ms: int) -> None:
        self._policy = policy
        self._now_ms = now_ms
        self._now: Stamp = (now_ms, now_ms, protowire.varint(now_ms))
        self.known: dict[bytes, Stamp | Reason] = {}

    def find(self, raw: bytes) -> Stamp | Reason:
        """Return the stamp, or why a sample that has it is rejected."""
        found = self.known.get(raw)
        if found is None:
            found = self.known[raw] = self._judge(raw)
        return found

    def _judge(self, raw: bytes) -> Stamp | Reason:
        if self._policy.timestamps == "overwrite":
            pushed = _read(raw) if raw else self._now_ms
            return (pushed, *self._now[1:])
        if not raw:
            return Reason.NO_TIMESTAMP
        pushed = _read(raw)
        if pushed < self._now_ms - self._policy.max_age_ms:
            return Reason.TOO_OLD
        if pushed > self._now_ms and self._policy.timestamps == "clamp-future":
            return (pushed, *self._now[1:])
        return pushed, pushed, protowire.varint(pushed)


def _read(raw: bytes) -> int:
    value, end = protowire.read_varint(raw, 0, len(raw))
    if end != len(raw):
        raise errors.Undecodable("a timestamp is no varint")
    return protowire.signed(value)

"""How many bytes of answers one request may keep in memory, over all backends that it asks."""

from query_gateway.failures import Failure


class Budget:
    """Bytes that are left. What was read in vain is given back."""

    def __init__(self, most: int) -> None:
        """Let as many be taken as the limit `buffered_bytes` says."""
        self._most = most
        self._left = most

    @property
    def used(self) -> int:
        """Bytes that are taken."""
        return self._most - self._left

    def take(self, size: int) -> None:
        """Take some more. Raises `Failure` where they are not left."""
        self._left -= size
        if self._left < 0:
            raise Failure("limit", f"the answer is longer than buffered_bytes ({self._most})")

    def give_back(self, size: int) -> None:
        """Give some back."""
        self._left += size

"""What the gateway wants to know of a request, and how it answers one, whoever read it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from query_gateway.identity.presented import Presented
from query_gateway.visit import Visit


class Request(Protocol):
    """A request whose head is here, and the way of its answer."""

    visit: Visit
    """Set when its way through the gateway begins."""

    @property
    def method(self) -> str:
        """`GET` or `POST`, where the endpoint takes it."""
        ...

    @property
    def query(self) -> bytes:
        """What follows the `?` in the URL, as it was sent."""
        ...

    @property
    def tenant(self) -> str | None:
        """The tenant in the path, if there is one."""
        ...

    @property
    def label(self) -> str:
        """The label in the path of `label/{name}/values`, else nothing."""
        ...

    @property
    def peer(self) -> str | None:
        """Address at the other end of the connection, None for none."""
        ...

    @property
    def presented(self) -> Presented:
        """What it presents about its sender."""
        ...

    def values(self, name: str) -> Sequence[str]:
        """Return every value of a header, whose `name` is in lower case."""
        ...

    async def body(self, media_type: str) -> bytes:
        """Return the body, which must be of this type where there is one. Raises `Failure`."""
        ...

    async def begin(self, headers: Mapping[str, str], length: int | None) -> None:
        """Begin an answer of status 200 that comes in pieces, `length` bytes if that is known."""
        ...

    async def write(self, chunk: bytes) -> None:
        """Send some more of it, not faster than the client reads."""
        ...

    async def end(self) -> None:
        """Say that it is complete."""
        ...

    def abort(self) -> None:
        """End the connection, so that the client sees that the answer is not complete."""
        ...

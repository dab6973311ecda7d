"""Find TCP ports on the loopback interface that nobody uses."""

import random
import socket

LOOPBACK = "127.0.0.1"

# Below the range from which Linux and macOS take the ports of outgoing connections: a port that is
# free now is not lost to some client socket between here and the moment the server binds it.
_RANGE = range(15_000, 32_000)
_ATTEMPTS = 200

_handed_out: set[int] = set()


def free_port() -> int:
    """Return a port that can be bound now and that this process has not been given before."""
    for _ in range(_ATTEMPTS):
        port = random.choice(_RANGE)  # noqa: S311 - spreads concurrent runs, guards nothing
        if port not in _handed_out and is_free(port):
            _handed_out.add(port)
            return port
    raise OSError(f"no free port between {_RANGE.start} and {_RANGE.stop}")


def free_ports(count: int) -> tuple[int, ...]:
    """Return `count` different free ports."""
    return tuple(free_port() for _ in range(count))


def is_free(port: int) -> bool:
    """Say whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        # As Go servers do: a port whose last connections linger in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True

"""Keep tenants' URLs away from addresses inside the platform, whatever their names resolve to.

A name on the allow-list may be anybody's to point somewhere. So its addresses are checked when a
connection is made, on the very answer that is connected to: there is no second look-up in between.
Denied are all that are not public (loopback, private, link-local with the metadata services,
shared, reserved, multicast), also inside IPv6 forms of IPv4 addresses, unless the platform's owner
lists their network.
"""

import ipaddress
import socket
from collections.abc import Iterator, Sequence

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def parse(networks: Sequence[str]) -> tuple[Network, ...]:
    """Read the networks that are allowed. Raises ValueError naming the entry."""
    found: list[Network] = []
    for index, text in enumerate(networks):
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError as error:
            raise ValueError(f"$.remote_write_allow_networks[{index}]: {error}") from error
    return tuple(found)


def is_denied(text: str, allowed: Sequence[Network]) -> bool:
    """Return whether nothing may be sent to the address `text`; pure."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return True
    return any(_is_inside(one) and not _is_allowed(one, allowed) for one in _faces(address))


def _is_inside(address: Address) -> bool:
    return not address.is_global or address.is_multicast


def _is_allowed(address: Address, allowed: Sequence[Network]) -> bool:
    return any(address in network for network in allowed)


def _faces(address: Address) -> Iterator[Address]:
    """Yield what packets to `address` may reach: the IPv4 address inside, where there is one."""
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in _NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if inner is None and address.teredo is not None:
        inner = address.teredo[1]
    yield inner or address


class GuardedResolver(AbstractResolver):
    """Resolves names to addresses that may be connected to; a name with any other fails."""

    def __init__(
        self, allowed: Sequence[Network], resolver: AbstractResolver | None = None
    ) -> None:
        self._allowed = allowed
        self._resolver = resolver or DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of `host`. Raises OSError if one of them is denied."""
        found = await self._resolver.resolve(host, port, family)
        for one in found:
            if is_denied(one["host"], self._allowed):
                # 0: not an error of the system, so that the text is what is shown
                raise OSError(0, f"{host} is at an address that the platform does not allow")
        return found

    async def close(self) -> None:
        """Release what resolving holds."""
        await self._resolver.close()

"""The two Prometheus servers: A holds everything, B only what a rule set permits."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import msgspec
from tests.oracle.promql import wire
from tests.oracle.promql.universe import Abilities

from discovery import answers as status
from discovery import traits
from query_gateway.route import strictest
from tenantry_common import contracts
from tenantry_local import binaries
from tenantry_local.prometheus import REMOTE_WRITE_HEADERS, Prometheus
from tenantry_promql import Upstream

_FEATURES_SINCE = {
    # Feature flags from the first version that has them; later ones accept and ignore old ones.
    "promql-experimental-functions": (2, 49),
    "native-histograms": (3, 0),
    "promql-duration-expr": (3, 4),
    "promql-extended-range-selectors": (3, 7),
    "promql-binop-fill-modifiers": (3, 10),
}


class LoadFailed(Exception):
    """A server did not take the data."""


@dataclass(frozen=True)
class Kind:
    """A binary with the feature flags that it is run with."""

    version: tuple[int, int]
    features: tuple[str, ...]

    @property
    def abilities(self) -> Abilities:
        """What such a server stores."""
        histograms = "native-histograms" in self.features
        return Abilities(
            native_histograms=histograms,
            custom_buckets=histograms and self.version >= (3, 0),
            utf8_names=self.version >= (3, 0),
        )


async def kind(more_features: Sequence[str] = ()) -> Kind:
    """Ask the binary for its version, and choose feature flags by it."""
    process = await asyncio.create_subprocess_exec(
        binaries.find(binaries.PROMETHEUS),
        "--version",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    found = re.search(rb"version (\d+)\.(\d+)", output)
    if found is None:
        raise LoadFailed(f"this is no Prometheus: {output[:200]!r}")
    version = int(found[1]), int(found[2])
    features = [name for name, since in _FEATURES_SINCE.items() if version >= since]
    return Kind(version, tuple(dict.fromkeys([*features, *more_features])))


@asynccontextmanager
async def running(
    kind: Kind, directory: Path, http: aiohttp.ClientSession, stored: Sequence[wire.Series]
) -> AsyncIterator[Prometheus]:
    """Run a fresh server that holds exactly these series; its data goes when the context ends."""
    flags = [f"--enable-feature={','.join(kind.features)}"] if kind.features else []
    server = Prometheus(directory, name=directory.name, scrape_interval="1h", flags=flags)
    await server.start()
    try:
        for body in wire.requests(stored):
            async with http.post(
                server.remote_write_url, data=body, headers=REMOTE_WRITE_HEADERS
            ) as response:
                if response.status not in (200, 204):
                    raise LoadFailed(f"{response.status}: {await response.text()}")
        await _verify(server, http, len(stored))
        yield server
    finally:
        await server.kill()
        shutil.rmtree(directory, ignore_errors=True)


class _Head(msgspec.Struct):
    series: int = msgspec.field(name="numSeries")


class _Tsdb(msgspec.Struct):
    head: _Head = msgspec.field(name="headStats")


class _Status(msgspec.Struct):
    data: _Tsdb


async def _verify(server: Prometheus, http: aiohttp.ClientSession, expected: int) -> None:
    """An oracle that holds less than it should would agree with a gateway that hides too much."""
    async with http.get(f"{server.url}/api/v1/status/tsdb") as response:
        found = msgspec.json.decode(await response.read(), type=_Status).data.head.series
    if found != expected:
        raise LoadFailed(f"{server.name} holds {found} series instead of {expected}")


async def backend(server: Prometheus, http: aiohttp.ClientSession) -> contracts.Backend:
    """Describe a server as discovery would, from what it says of itself."""
    async with http.get(f"{server.url}/api/v1/status/buildinfo") as response:
        version = status.version(await response.read())
    async with http.get(f"{server.url}/api/v1/status/flags") as response:
        features = status.features(await response.read())
    return contracts.Backend(
        id=server.name,
        url=server.url,
        ha_set="all",
        version=version,
        traits=traits.of(version, features),
        healthy=True,
    )


def upstream(backend: contracts.Backend) -> Upstream:
    """Return what the gateway would assume of it."""
    return strictest([backend])

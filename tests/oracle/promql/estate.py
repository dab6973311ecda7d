"""Server A with everything in it, and servers B with what a rule set permits."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from tests.oracle.promql import client, permitted, servers, universe, wire
from tests.oracle.promql.client import Client
from tests.oracle.promql.compare import Bench
from tests.oracle.promql.corpus import Corpus
from tests.oracle.promql.rulesets import Given
from tests.oracle.promql.through import Through

from tenantry_local.prometheus import Prometheus

_NO_MORE = Corpus()


@dataclass(frozen=True)
class Estate:
    """What runs, and what is stored in it."""

    kind: servers.Kind
    everything: Prometheus
    """Server A."""
    stored: Sequence[wire.Series]
    http: aiohttp.ClientSession
    directory: Path

    @asynccontextmanager
    async def bench(self, name: str, given: Given, through: Through) -> AsyncIterator[Bench]:
        """Run a server that holds what is permitted, and nothing else, while the context lasts."""
        kept = permitted_series(given, self.stored)
        async with servers.running(self.kind, self.directory / name, self.http, kept) as server:
            await through.admit(given)
            yield Bench(given, through, Client(self.http, server.url, {}))


@asynccontextmanager
async def estate(
    directory: Path, features: Sequence[str] = (), more: Corpus = _NO_MORE
) -> AsyncIterator[Estate]:
    """Run server A while the context lasts; `features` are more feature flags for all servers."""
    kind = await servers.kind(features)
    stored = [*universe.build(kind.abilities), *more.series(kind.abilities)]
    async with (
        client.session() as http,
        servers.running(kind, directory / "everything", http, stored) as server,
    ):
        yield Estate(kind, server, stored, http, directory)


def permitted_series(given: Given, stored: Sequence[wire.Series]) -> list[wire.Series]:
    """Return the permitted series; decided here, and the library must agree about every one."""
    kept = []
    for one in stored:
        decided = permitted.is_permitted(one.labels, given.rules)
        if decided != given.compiled.matches(one.labels):
            raise AssertionError(f"RuleSet.matches is wrong: {dict(one.labels)}, {given.texts()}")
        if decided:
            kept.append(one)
    return kept

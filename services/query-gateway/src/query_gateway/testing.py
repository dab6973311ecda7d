"""For tests: a backend that records what reached it, and a gateway in front of it, over real HTTP."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

import tenantry_promql as promql
from query_gateway import config, upstream
from query_gateway.admission import Admission
from query_gateway.audit import Audit
from query_gateway.backends import Backends
from query_gateway.cache import redis_store
from query_gateway.exchange import Exchange
from query_gateway.front import Front
from query_gateway.handlers import Gateway
from query_gateway.identity.modes import configured
from query_gateway.identity.settings import Auth, TrustedHeader
from query_gateway.inbound import door
from query_gateway.metrics import Metrics
from query_gateway.policies import Policies
from query_gateway.stepwise import stepwise
from query_gateway.tracing import PassOn
from tenantry_common import contracts, ops, subjects, tasks

type Client = TestClient[web.Request, web.Application]
type Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOOPBACK_IS_TRUSTED = Auth(
    modes=("trusted-header",),
    trusted_header=TrustedHeader(networks=("127.0.0.0/8",)),
)


@dataclass(frozen=True)
class Seen:
    """One request as it reached a backend."""

    method: str
    path: str
    """As sent, still percent-encoded, without the query."""
    pairs: tuple[tuple[str, str], ...]
    """The parameters in the URL, then those in the body."""
    headers: Mapping[str, str] = field(compare=False)
    body: bytes = field(default=b"", compare=False)


def json_answer(data: object, **more: object) -> Answer:
    """Return an answer in Prometheus' success envelope."""

    async def answer(_: web.Request) -> web.StreamResponse:
        body = msgspec.json.encode({"status": "success", "data": data, **more})
        return web.Response(body=body, content_type="application/json")

    return answer


def error_answer(status: int, error_type: str, text: str) -> Answer:
    """Return an answer in Prometheus' error envelope."""

    async def answer(_: web.Request) -> web.StreamResponse:
        body = msgspec.json.encode({"status": "error", "errorType": error_type, "error": text})
        return web.Response(status=status, body=body, content_type="application/json")

    return answer


EMPTY_VECTOR = json_answer({"resultType": "vector", "result": []})


class FakePrometheus:
    """A backend that answers what it is told and keeps what reached it."""

    def __init__(self, name: str = "a", answer: Answer = EMPTY_VECTOR) -> None:
        self.name = name
        self.answer = answer
        self.seen: list[Seen] = []
        app = web.Application()
        app.router.add_route("*", "/{any:.*}", self._handle)
        self.server = TestServer(app)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        form = "" if "Content-Encoding" in request.headers else body.decode()
        text = request.rel_url.raw_query_string, form
        pairs = [pair for one in text for pair in parse_qsl(one, keep_blank_values=True)]
        path = request.rel_url.raw_path
        self.seen.append(
            Seen(request.method, path, tuple(pairs), request.headers.copy(), body=body)
        )
        return await self.answer(request)

    def backend(self, **more: object) -> contracts.Backend:
        """Return how discovery would describe this server."""
        described: dict[str, object] = {
            "id": self.name,
            "url": str(self.server.make_url("")).rstrip("/"),
            "ha_set": "set",
            "healthy": True,
            **more,
        }
        return msgspec.convert(described, contracts.Backend)


@dataclass
class FixedPolicies:
    """Policies as a test wants them; a `policies.Source`."""

    snapshot: dict[str, contracts.TenantPolicy] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    version: int = 1
    age: float = 0.0

    def grant(self, tenant: str, *rules: str) -> None:
        """Let `tenant` see the union of `rules`, and nothing else any more."""
        parsed = tuple(map(promql.parse_rule, rules))
        self.snapshot[subjects.token(tenant)] = contracts.TenantPolicy(
            tenant=tenant,
            digest=promql.RuleSet(parsed).digest,
            rules=tuple(tuple(contracts.Matcher(*one) for one in rule) for rule in parsed),
        )

    def seconds_unconfirmed(self) -> float:
        """Return `age`."""
        return self.age


@dataclass
class FixedBackends:
    """Backends as a test wants them; a `backends.Source`."""

    snapshot: dict[str, contracts.Backend] = field(default_factory=dict)


class _Server(TestServer):
    """aiohttp's test server with another runner than aiohttp's."""

    def __init__(self, app: web.Application, make: ops.MakeRunner) -> None:
        super().__init__(app)
        self._make = make

    async def _make_runner(self, **_: Any) -> web.BaseRunner:
        return self._make(self.app, ops.Hardening(max_line_size=100_000, handler_cancellation=True))


@dataclass(kw_only=True)
class Harness:
    """A gateway over HTTP, with what a test wants to change or look at."""

    client: Client
    policies: FixedPolicies
    backends: FixedBackends
    admission: Admission
    registry: CollectorRegistry


@contextlib.asynccontextmanager
async def gateway(
    fakes: Sequence[FakePrometheus],
    *,
    auth: Auth = LOOPBACK_IS_TRUSTED,
    limits: config.Limits | None = None,
    upstream_settings: config.Upstream | None = None,
    now: Callable[[], float] = lambda: 1_700_000_000.0,
    draw: float = 1.0,
    cache: config.Cache | None = None,
    shard_labels: tuple[str, ...] = (),
) -> AsyncIterator[Harness]:
    """Yield a gateway in front of `fakes`, which are replicas of one another.

    With a `draw` of 0, every streamed answer that can be checked is checked. Without a `cache`, nothing
    is kept of range queries; `shard_labels` are those of the configuration.
    """
    settings = config.Config(
        auth=auth,
        limits=limits or config.Limits(),
        upstream=upstream_settings or config.Upstream(),
        cache=cache or config.Cache(memory_bytes=0),
        shard_labels=shard_labels,
    )
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    async with contextlib.AsyncExitStack() as stack:
        for fake in fakes:
            await stack.enter_async_context(fake.server)
        pool = await stack.enter_async_context(upstream.pool(settings.upstream))
        shared = await stack.enter_async_context(
            redis_store.opened(settings.cache, metrics.shared_cache)
        )
        modes = await stack.enter_async_context(configured(settings.auth, metrics))
        if modes.background:
            group = await stack.enter_async_context(asyncio.TaskGroup())
            for name, run in modes.background.items():
                stack.callback(tasks.spawn(group, name, run()).cancel)
        policies = FixedPolicies()
        backends = FixedBackends({fake.name: fake.backend() for fake in fakes})
        admission = Admission(settings.limits.concurrent)
        known = Policies(policies, settings.policies_stale_seconds)
        tracing = PassOn()
        asked = upstream.Upstream(pool, settings.upstream, metrics, tracing)
        front = Front(
            metrics=metrics,
            audit=Audit(settings.audit),
            tracing=tracing,
            knows=known.__contains__,
        )
        built = Gateway(
            modes=modes,
            exchange=Exchange(
                policies=known,
                backends=Backends(backends),
                upstream=asked,
                metrics=metrics,
                stepwise=stepwise(settings, asked, metrics.stepped, shared=shared, now=now),
                settings=settings,
                now=now,
                draw=lambda: draw,
            ),
            admission=admission,
            metrics=metrics,
            settings=settings,
        )
        server = _Server(*door.serving(front, built.answer, settings.limits))
        client = await stack.enter_async_context(TestClient(server))
        yield Harness(
            client=client,
            policies=policies,
            backends=backends,
            admission=admission,
            registry=registry,
        )

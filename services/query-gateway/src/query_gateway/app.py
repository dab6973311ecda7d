"""Build the query gateway from its configuration, and run it until it is told to stop."""

import asyncio
import gc
import logging
import time

from query_gateway import config, pages, tracing, upstream
from query_gateway.admission import Admission
from query_gateway.audit import Audit
from query_gateway.backends import Backends
from query_gateway.cache import redis_store
from query_gateway.exchange import Exchange
from query_gateway.front import Front
from query_gateway.handlers import Gateway
from query_gateway.identity import modes
from query_gateway.inbound import door
from query_gateway.metrics import Metrics
from query_gateway.policies import Policies
from query_gateway.stepwise import stepwise
from tenantry_common import contracts, kv, ops, runtime, streams, subjects, tasks, tls
from tenantry_common.backend_access import Keyring

_log = logging.getLogger(__name__)

_CHECK_SECONDS = 1.0
_HEADER_BYTES = 16 * 1024


async def main(settings: config.Config, process: runtime.Runtime) -> None:
    """Run the service; return when it was told to stop and running requests are answered."""
    _announce(settings)
    # It logs what does not parse as HTTP with a traceback and the URL, and so the query; what
    # fails later is logged by `handlers`.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    process.readiness.set("policies", False, "not read yet")
    process.readiness.set("backends", False, "not read yet")
    # Readiness does not follow the connection as elsewhere: without NATS this service goes on with
    # what it knows, and all instances would be taken out of rotation at once.
    metrics = Metrics(process.registry)
    async with (
        process.connect(needed=False) as connection,
        upstream.pool(settings.upstream) as pool,
        modes.configured(settings.auth, metrics) as identity,
        tracing.configured(settings.tracing, process.instance) as traces,
        redis_store.opened(settings.cache, metrics.shared_cache) as shared,
    ):
        await streams.ensure(connection, settings.nats)
        policies_view = kv.KvView(connection, subjects.POLICIES, contracts.decode_policy)
        backends_view = kv.KvView(connection, subjects.BACKENDS, contracts.decode_backend)
        policies = Policies(policies_view, settings.policies_stale_seconds)
        backends = Backends(backends_view)
        admission = Admission(settings.limits.concurrent)
        front = Front(
            metrics=metrics,
            audit=Audit(settings.audit),
            tracing=traces,
            knows=policies.__contains__,
        )
        asked = upstream.Upstream(
            pool, settings.upstream, metrics, traces, Keyring(settings.backend_access)
        )
        gateway = Gateway(
            modes=identity,
            exchange=Exchange(
                policies=policies,
                backends=backends,
                upstream=asked,
                metrics=metrics,
                stepwise=stepwise(settings, asked, metrics.stepped, shared=shared),
                settings=settings,
                now=time.time,
            ),
            admission=admission,
            metrics=metrics,
            settings=settings,
        )
        pages.add(
            process.pages,
            policies,
            backends,
            confirmed=lambda: time.time() - backends_view.seconds_unconfirmed(),
        )
        metrics.watch(
            policies=lambda: len(policies),
            policies_age=policies_view.seconds_unconfirmed,
            backends=lambda: len(backends.known()),
            healthy=backends.count_healthy,
            waiting=lambda: admission.waiting,
            active=lambda: admission.active_tenants,
        )
        async with asyncio.TaskGroup() as group:
            background = [
                tasks.spawn(group, "follow policies", policies_view.run()),
                tasks.spawn(group, "follow backends", backends_view.run()),
                tasks.spawn(group, "readiness", _watch_readiness(process, policies, backends_view)),
                *(tasks.spawn(group, name, run()) for name, run in identity.background.items()),
            ]
            # What is here now stays: the collector need not look at it again and again.
            gc.collect()
            gc.freeze()
            await _serve(gateway, front, settings, process)
            for task in background:
                task.cancel()


def _announce(settings: config.Config) -> None:
    auth = settings.auth
    if not auth.modes:
        _log.warning("no identification is configured, every request will be answered 401")
    if "trusted-header" in auth.modes:
        _log.warning(
            "the tenant header is believed from these peers",
            extra={
                "networks": list(auth.trusted_header.networks),
                "certificates": list(auth.trusted_header.certificates),
            },
        )
    if not settings.listen.tls and set(auth.modes) - {"trusted-header"}:
        _log.warning("credentials arrive unencrypted unless TLS ends in front of this port")


async def _watch_readiness(
    process: runtime.Runtime, policies: Policies, backends: kv.KvView[contracts.Backend]
) -> None:
    """Say whether queries can be answered, for ever."""
    while True:
        reason = policies.unusable()
        process.readiness.set("policies", not reason, reason)
        process.readiness.set("backends", backends.version > 0, "not read yet")
        await asyncio.sleep(_CHECK_SECONDS)


async def _serve(
    gateway: Gateway, front: Front, settings: config.Config, process: runtime.Runtime
) -> None:
    """Serve tenants until the process is told to stop, then until their requests are answered."""
    hardening = ops.Hardening(
        max_line_size=settings.limits.request_bytes,
        max_field_size=_HEADER_BYTES,
        handler_cancellation=True,
        shutdown_timeout=max(
            1.0, settings.shutdown_grace_seconds - settings.listen.drain_delay_seconds - 1
        ),
    )
    listen = settings.listen
    app, make = door.serving(front, gateway.answer, settings.limits)
    async with tls.serving(
        app,
        listen.host,
        listen.port,
        listen.tls,
        hardening,
        setting="$.listen.port",
        reuse_port=listen.reuse_port,
        make=make,
    ):
        await process.stopping.wait()
        front.draining = True
        process.readiness.set("draining", False, "told to stop")
        await asyncio.sleep(settings.listen.drain_delay_seconds)

"""One `run` for every service: command line, config, logs, signals, the TaskGroup, exit codes.

Exit codes: 0 after a stop by SIGTERM or SIGINT, 1 when the service failed, 2 when its
configuration is wrong (the text on stderr names the path).
"""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from tenantry_common import bus, config, errors, logs, ops

_log = logging.getLogger(__name__)


class Runtime:
    """What a service gets to work with.

    `stopping` is set by SIGTERM and SIGINT: stop taking in work, drain, return. A service that has
    not returned after `shutdown_grace_seconds` is cancelled.
    """

    def __init__(self, service: str, settings: config.Service) -> None:
        self.service = service
        self.instance = settings.instance or f"{socket.gethostname()}-{os.getpid()}"
        self.stopping = asyncio.Event()
        self.registry = CollectorRegistry()
        self.readiness = ops.Readiness()
        self.pages = ops.Pages(self.registry, self.readiness)
        self._settings = settings
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)

    @contextlib.asynccontextmanager
    async def connect(self, *, needed: bool = True) -> AsyncIterator[bus.Bus]:
        """Open the connection to NATS; a stop signal ends the wait for it.

        Readiness condition ``nats`` follows the connection, unless the service can do its work
        without (`needed`).
        """

        def on_state(up: bool, reason: str) -> None:
            if needed:
                self.readiness.set("nats", up, reason)

        name = f"{self.service}/{self.instance}"
        async with contextlib.AsyncExitStack() as stack:
            async with _ended_by(self.stopping):
                connection = await stack.enter_async_context(
                    bus.connect(self._settings.nats, name, on_state)
                )
            yield connection


class _Stopped(Exception):
    """The service was told to stop before it had anything to drain."""


@contextlib.asynccontextmanager
async def _ended_by(stopping: asyncio.Event) -> AsyncIterator[None]:
    """Cancel the body and raise `_Stopped` (in a group) when `stopping` is set meanwhile."""

    async def raise_when_set() -> None:
        await stopping.wait()
        raise _Stopped

    async with asyncio.TaskGroup() as group:
        watch = group.create_task(raise_when_set(), name="stopping")
        yield
        watch.cancel()


def run[C: config.Service](
    service: str,
    kind: type[C],
    app: Callable[[C, Runtime], Awaitable[None]],
    argv: Sequence[str] | None = None,
    *,
    options: Mapping[str, str] = MappingProxyType({}),
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> None:
    """Run `app` as the process of `service`; does not return, exits.

    `options` are further ones of the command line, each with its help: ``--workers 4`` sets
    ``$.workers``. `loop_factory` makes another event loop than asyncio's own.
    """
    parser = argparse.ArgumentParser(prog=service)
    parser.add_argument("--config", type=Path, help="YAML file; see docs/operating")
    for name, text in options.items():
        parser.add_argument(f"--{name}", help=text)
    arguments = parser.parse_args(argv)
    given = {name: value for name in options if (value := vars(arguments)[name]) is not None}
    overrides = {f"{config.ENV_PREFIX}{name.upper()}": value for name, value in given.items()}
    try:
        settings = config.load(kind, arguments.config, {**os.environ, **overrides})
    except errors.ConfigError as error:
        sys.exit(_complain(service, error))
    logs.setup(service, settings.log.level, settings.log.format)
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        status = runner.run(_supervise(service, settings, app))
    sys.exit(status)


def _complain(service: str, error: errors.ConfigError) -> int:
    sys.stderr.write(f"{service}: {error}\n")
    return 2


async def _supervise[C: config.Service](
    service: str, settings: C, app: Callable[[C, Runtime], Awaitable[None]]
) -> int:
    runtime = Runtime(service, settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, runtime.stopping.set)
    try:
        await _serve(settings, runtime, app)
    except BaseExceptionGroup as group:
        return _exit_code(service, group)
    except errors.ConfigError as error:
        return _complain(service, error)
    except Exception:
        _log.exception("service failed")
        return 1
    _log.info("stopped")
    return 0


async def _serve[C: config.Service](
    settings: C, runtime: Runtime, app: Callable[[C, Runtime], Awaitable[None]]
) -> None:
    where = settings.ops
    if where.socket:
        runner = await ops.listen_unix(runtime.pages.app, where.socket)
    else:
        runner, _ = await ops.listen(
            runtime.pages.app, where.host, where.port, setting="$.ops.port"
        )
    try:
        await _until_stopped(app(settings, runtime), runtime, settings)
    finally:
        await runner.cleanup()


def _exit_code(service: str, group: BaseExceptionGroup) -> int:
    """Report what a TaskGroup failed with; wrong configuration wins over what it brought down."""
    wrong, _ = group.split(errors.ConfigError)
    if wrong is None:
        _log.error("service failed", exc_info=group)
        return 1
    return _complain(service, _first(wrong))


def _first(group: BaseExceptionGroup[errors.ConfigError]) -> errors.ConfigError:
    leaf: BaseException = group
    while isinstance(leaf, BaseExceptionGroup):
        leaf = leaf.exceptions[0]
    return leaf if isinstance(leaf, errors.ConfigError) else errors.ConfigError(str(leaf))


async def _until_stopped(app: Awaitable[None], runtime: Runtime, settings: config.Service) -> None:
    """Await `app`; after `stopping` give it the grace period, then cancel it."""
    async with asyncio.TaskGroup() as group:
        work = group.create_task(_await(app), name=runtime.service)
        stop = group.create_task(runtime.stopping.wait(), name="stopping")
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not work.done():
            await asyncio.wait({work}, timeout=settings.shutdown_grace_seconds)
        if not work.done():
            _log.warning("drain took too long, stopping hard")
            work.cancel()


async def _await(awaitable: Awaitable[None]) -> None:
    try:
        await awaitable
    except* _Stopped:
        _log.info("stopped while waiting for nats")

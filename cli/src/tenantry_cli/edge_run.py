"""Run an edge: its NATS server and four services as children that are started again when they end."""

import asyncio
import contextlib
import json
import random
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from tenantry_cli import edge_plan
from tenantry_cli.edge_config import Edge, Ports
from tenantry_common import backoff, duration, tasks
from tenantry_local.errors import LocalError
from tenantry_local.nats_server import NatsServer
from tenantry_local.ports import free_port
from tenantry_local.process import Process
from tenantry_local.service import service
from tenantry_local.supervisor import Exit, Supervisor

_FIRST_RESTART_SECONDS = 1.0
_LONGEST_RESTART_SECONDS = 30.0
_NATS = "nats"
_COLLECTOR = "collector"

type Say = Callable[[str], None]


@dataclass(frozen=True)
class Children:
    """The processes of an edge, described and not started."""

    nats: NatsServer
    first: tuple[Process, ...]
    """What may begin at once: it asks no source for samples."""
    collector: Process


def prepare(edge: Edge) -> Children:
    """Write what the processes read below `data_dir`. Raises `errors.ConfigError`.

    Secrets are links to the files that the configuration names, so that they change with them.
    """
    root = Path(edge.data_dir).resolve()
    folders = {name: root / name for name in ("targets", "manifests", "secrets", "config", "log")}
    made = edge_plan.settings(edge, {name: str(path) for name, path in folders.items()})
    targets, manifest = edge_plan.static_targets(edge), edge_plan.manifest(edge)
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o700)  # what waits there is nobody else's business
    for path in folders.values():
        path.mkdir(parents=True, exist_ok=True)
    (folders["targets"] / "static.json").write_text(json.dumps(targets))
    (folders["manifests"] / "push.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False))
    _link_secrets(edge, folders["secrets"] / edge_plan.NAMESPACE)
    ports = _ports(edge.ports)
    nats = NatsServer(
        root / _NATS,
        port=ports[_NATS],
        monitor_port=ports["nats_monitor"],
        log=folders["log"] / f"{_NATS}.log",
    )
    services = {
        name: service(
            name,
            {**settings, "nats": edge_plan.nats(edge, nats.url)},
            name=name,
            nats_url=nats.url,
            ops_port=ports[name],
            config=folders["config"] / f"{name}.yaml",
            log=folders["log"] / f"{name}.log",
        )
        for name, settings in made.items()
    }
    collector = services.pop(_COLLECTOR)
    return Children(nats=nats, first=tuple(services.values()), collector=collector)


def _ports(wanted: Ports) -> dict[str, int]:
    return {name: getattr(wanted, name) or free_port() for name in wanted.__struct_fields__}


def _link_secrets(edge: Edge, folder: Path) -> None:
    for (name, key), path in edge_plan.secrets(edge).items():
        link = folder / name / key
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(Path(path).absolute())


@contextlib.asynccontextmanager
async def running(edge: Edge, children: Children, say: Say) -> AsyncIterator[Supervisor]:
    """Yield the supervisor once everything runs; whatever ends by itself is started again.

    Raises `tenantry_local.errors.LocalError` when something cannot be started at first.
    """
    root = Path(edge.data_dir).resolve()
    async with Supervisor(root / "log") as supervisor:
        await supervisor.start(children.nats)
        await supervisor.start(*children.first)
        jitter = (duration.milliseconds(edge.start_jitter) or 0) / 1000
        await asyncio.sleep(random.uniform(0, jitter))  # noqa: S311 - spreads load, guards nothing
        await supervisor.start(children.collector)
        say(f"pushing to {edge.upstream.url}; nats at {children.nats.url}; logs in {root / 'log'}")
        async with asyncio.TaskGroup() as group:
            keeper = tasks.spawn(group, "restarts", _keep_running(supervisor, say))
            try:
                yield supervisor
            finally:
                await tasks.cancel(keeper)


async def _keep_running(supervisor: Supervisor, say: Say) -> None:
    async with asyncio.TaskGroup() as group:
        while True:
            ended = await supervisor.next_exit()
            say(
                f"{ended.name} ended with status {ended.returncode} and is started again; "
                f"its log: {supervisor.log(ended.name)}"
            )
            tasks.spawn(group, f"restart {ended.name}", _restart(supervisor, ended, say))


async def _restart(supervisor: Supervisor, ended: Exit, say: Say) -> None:
    """Try until it runs; there is nobody else who would."""
    for pause in backoff.delays(_FIRST_RESTART_SECONDS, _LONGEST_RESTART_SECONDS):
        await asyncio.sleep(pause)
        try:
            await supervisor.restart(ended.name)
        except LocalError as error:
            say(f"{ended.name} cannot be started: {str(error).splitlines()[0]}")
        else:
            return


async def run(edge: Edge, children: Children, say: Say) -> None:
    """Run until SIGINT or SIGTERM; then stop in good order, keeping what was not delivered.

    Raises `tenantry_local.errors.LocalError` when something cannot be started at first.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    try:
        await tasks.until(stopping, _stay(edge, children, say))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


async def _stay(edge: Edge, children: Children, say: Say) -> None:
    async with running(edge, children, say):
        try:
            await asyncio.Event().wait()
        finally:
            say("stopping; what is not delivered is kept")

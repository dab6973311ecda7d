"""Start an estate in the order of its dependencies and own it until the end of `async with`."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable

from rich.console import Console

from tenantry_cli.estate import Estate
from tenantry_local.supervisor import Supervisor

type Say = Callable[[str], None]
"""Called with what is about to be done, in a few words."""


@contextlib.asynccontextmanager
async def running(estate: Estate, say: Say) -> AsyncIterator[Supervisor]:
    """Yield the supervisor of the started estate, every service ready.

    Raises `tenantry_local.errors.LocalError` when a server is missing, a port is taken or a child
    fails; its text says what to do. Whatever happens, no child outlives the block.
    """
    async with Supervisor(estate.run_dir / "log") as supervisor:
        say("starting nats-server and the Prometheus servers")
        await supervisor.start(estate.nats(), *estate.sources(), *estate.tenants())
        say("starting the services")
        await supervisor.start(*estate.services())
        yield supervisor
        say("stopping")


def guide(estate: Estate) -> str:
    """Return what a person wants to know of a running estate."""
    infra_a, infra_b = estate.infra_urls
    tenant_0, tenant_1 = estate.tenant_urls
    ask = f"{estate.gateway_url}/api/v1/query?query=sum+by+(namespace)+(http_requests_total)"
    return f"""
query gateway         {estate.gateway_url}
shared Prometheus     {infra_a}   {infra_b}
tenant's Prometheus   {tenant_0}   {tenant_1}
NATS                  {estate.nats_url}
NATS monitoring       http://127.0.0.1:{estate.ports.nats_monitor}/jsz?consumers=true
manifests to edit     {estate.manifests}
logs                  {estate.run_dir / "log"}

ask as a tenant       curl -s -H 'X-Tenant-Namespace: team-web' '{ask}'
look inside           tenantry status --nats {estate.nats_url}
"""


async def until_stopped(supervisor: Supervisor, console: Console) -> None:
    """Return on Ctrl-C or SIGTERM; say so when a child ends by itself."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    async with asyncio.TaskGroup() as group:
        reporter = group.create_task(_report_exits(supervisor, console), name="report exits")
        await stopping.wait()
        reporter.cancel()


async def _report_exits(supervisor: Supervisor, console: Console) -> None:
    while True:
        ended = await supervisor.next_exit()
        console.print(
            f"[bold red]{ended.name} ended with status {ended.returncode}[/]; "
            f"its log: {supervisor.log(ended.name)}"
        )

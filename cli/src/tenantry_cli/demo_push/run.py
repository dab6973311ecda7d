"""Start both clusters, prove that pushes survive a dead receiver, show the proof, stay up."""

import contextlib
import time
from collections.abc import AsyncIterator

from rich.console import Console

from tenantry_cli import running
from tenantry_cli.demo.run import table, verdict
from tenantry_cli.demo_push import proof
from tenantry_cli.demo_push.balancer import Balancer, balancing
from tenantry_cli.demo_push.estate import Estate
from tenantry_cli.progress import Steps
from tenantry_cli.running import Say
from tenantry_local.supervisor import Supervisor


async def demo(estate: Estate, *, once: bool, console: Console) -> int:
    """Return the exit status: 0 when every line of the proof holds. Empties the run folder first."""
    started = time.monotonic()
    estate.prepare()
    with Steps(console) as steps:
        async with up(estate, steps.say) as (supervisor, balancer):
            lines = await proof.run(estate, supervisor, balancer, steps.say)
            steps.say("adding it up")
            console.print(table(lines), verdict(lines), f"{time.monotonic() - started:.0f} s")
            if not once:
                steps.say("staying up until Ctrl-C")
                console.print(guide(estate), highlight=False)
                await running.until_stopped(supervisor, console)
    return 0 if all(line.holds for line in lines) else 1


@contextlib.asynccontextmanager
async def up(estate: Estate, say: Say) -> AsyncIterator[tuple[Supervisor, Balancer]]:
    """Yield the supervisor of both clusters, started. No child outlives the block."""
    async with (
        balancing(estate.ports.balancer, estate.receiver_ports) as balancer,
        Supervisor(estate.run_dir / "log") as supervisor,
    ):
        say("starting the central cluster: nats, two receivers, a writer, two Prometheus servers")
        await supervisor.start(estate.nats(), estate.archive(), estate.centre())
        await supervisor.start(*estate.central())
        say("starting the isolated cluster: a Prometheus and tenantry edge")
        await supervisor.start(*estate.isolated())
        await supervisor.start(estate.edge())
        yield supervisor, balancer
        say("stopping")


def guide(estate: Estate) -> str:
    """Return what a person wants to know of the running clusters."""
    first, second = estate.federate_urls
    return f"""
isolated cluster      Prometheus {estate.source_url}, its edge's file {estate.run_dir / "config" / "edge.yaml"}
central cluster       archive {estate.archive_url}, centre {estate.centre_url}
/federate             {first}   {second}
logs                  {estate.run_dir / "log"}, of the edge {estate.run_dir / "edge" / "log"}

look inside           tenantry status --nats nats://127.0.0.1:{estate.ports.edge_nats}
"""

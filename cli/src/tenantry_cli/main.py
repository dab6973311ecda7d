"""The `tenantry` command line: what can be asked, and the exit status of each answer.

Exit status 0: done, nothing wrong. 1: the answer is no (a proof failed, a manifest has errors). 2: it
could not be done (a port is taken, NATS is not there); the text says what to do.
"""

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from tenantry_cli import backfill as backfilling
from tenantry_cli import backfill_view, edge_command, keys, running, snapshot
from tenantry_cli import explain as explaining
from tenantry_cli import manifests as manifest_files
from tenantry_cli import status as rendering
from tenantry_cli.demo import run as demo_run
from tenantry_cli.demo_push.command import demo_push
from tenantry_cli.estate import Estate
from tenantry_cli.over_nats import NATS_URL, NatsUrl, fail, over_nats
from tenantry_cli.ports import Ports
from tenantry_cli.progress import Steps
from tenantry_common import bus, duration, errors
from tenantry_local.errors import LocalError
from tenantry_promql import PromQLError

EXAMPLES = Path("examples/metricaccess")

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

RunDir = Annotated[Path, typer.Option(help="Folder for configuration, logs and data.")]
Manifests = Annotated[Path, typer.Option(help="Folder of MetricAccess manifests; it is copied.")]
FreePorts = Annotated[bool, typer.Option(help="Take any free ports instead of the usual ones.")]


@app.callback()
def _root() -> None:
    """Tenantry: every tenant of a shared Prometheus estate gets exactly its own metrics."""


@app.command()
def up(
    run_dir: RunDir = Path(".run/up"),
    manifests: Manifests = EXAMPLES,
    free_ports: FreePorts = False,
) -> None:
    """Run the whole estate on this machine until Ctrl-C; data is kept between runs."""
    console = Console()
    estate = Estate(run_dir.resolve(), Ports.free() if free_ports else Ports())

    async def stay_up() -> None:
        estate.prepare(manifests)
        with Steps(console) as steps:
            async with running.running(estate, steps.say) as supervisor:
                steps.say("staying up until Ctrl-C")
                console.print(running.guide(estate), highlight=False)
                await running.until_stopped(supervisor, console)

    _local(stay_up())


@app.command()
def demo(
    once: Annotated[bool, typer.Option(help="Exit after the proof instead of staying up.")] = False,
    run_dir: RunDir = Path(".run/demo"),
    manifests: Manifests = EXAMPLES,
    free_ports: FreePorts = False,
) -> None:
    """Run the whole estate, prove that it works, and show the proof; status 1 if a line fails."""
    console = Console(width=None if Console().is_terminal else 130)
    estate = Estate(run_dir.resolve(), Ports.free() if free_ports else Ports())
    raise typer.Exit(_local(demo_run.demo(estate, manifests, once=once, console=console)))


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="MetricAccess manifests or folders of them.")],
) -> None:
    """Validate manifests and print every problem; status 1 if any is an error."""
    findings = manifest_files.check(files)
    Console().print(manifest_files.render(findings))
    raise typer.Exit(manifest_files.exit_status(findings))


@app.command()
def status(
    nats: NatsUrl = NATS_URL,
    watch: Annotated[bool, typer.Option(help="Show it anew every two seconds.")] = False,
) -> None:
    """Show backends, tenants, jobs and the lag of every endpoint."""
    console = Console()

    async def show(connection: bus.Bus) -> None:
        found = await snapshot.take(connection)
        if not watch:
            console.print(rendering.render(found, _now_ms()))
            return
        with Live(console=console, auto_refresh=False) as live:
            while True:
                found = await snapshot.take(connection)
                live.update(rendering.render(found, _now_ms()), refresh=True)
                await asyncio.sleep(2)

    over_nats(nats, show)


@app.command()
def backfill(
    job: Annotated[str, typer.Argument(help="NAMESPACE/NAME of a MetricAccess.")],
    since: Annotated[str, typer.Option(help="How far back, as in 30m, 6h, 1h30m.")],
    endpoint: Annotated[
        str | None, typer.Option(help="Id or number of one endpoint; else all of them.")
    ] = None,
    nats: NatsUrl = NATS_URL,
) -> None:
    """Have endpoints get a span once more from the source; status 1 if one refuses any of it.

    Endpoints that take samples out of order store what they do not have; others refuse what is older
    than what they have. It goes on when this command is interrupted.
    """
    console = Console()
    since_ms = duration.milliseconds(since) or 0
    if since_ms <= 0:
        fail(f"--since {since}: say how long, as in 30m, 6h, 1h30m")

    async def run(connection: bus.Bus) -> int:
        reference = backfilling.reference(job)
        asked = await backfilling.ask(connection, reference, endpoint, since_ms, _now_ms())
        found: tuple[backfilling.Seen, ...] = ()
        with backfill_view.Bars(console) as bars:
            async for found in backfilling.follow(connection, asked):
                bars.show(found)
        return backfilling.exit_status(found)

    raise typer.Exit(over_nats(nats, run))


@app.command()
def explain(
    tenant: Annotated[str, typer.Argument(help="Whose rules.")],
    query: Annotated[str, typer.Argument(help="A PromQL query.")],
    manifests: Annotated[
        list[Path] | None,
        typer.Option(help="Take the rules from these manifests instead of those in force."),
    ] = None,
    nats: NatsUrl = NATS_URL,
) -> None:
    """Show how a tenant's query is rewritten, and why; status 1 if it is refused."""
    try:
        ground = (
            explaining.in_files(manifests, tenant)
            if manifests
            else over_nats(nats, lambda connection: explaining.in_force(connection, tenant))
        )
        explanation = explaining.explain(ground, query)
    except (PromQLError, errors.TenantryError) as error:
        fail(str(error))
    Console().print(explaining.render(explanation))
    if (plan := explaining.over_shards(ground, query)) is not None:
        Console().print(plan)
    raise typer.Exit(1 if explanation.refusal else 0)


app.command()(edge_command.edge)
app.add_typer(keys.app, name="keys")
app.command()(demo_push)


def _now_ms() -> int:
    return int(time.time() * 1000)


def _local[T](work: Coroutine[Any, Any, T]) -> T:
    """Run what starts servers here; a server that cannot be started is said in its own words."""
    try:
        return asyncio.run(work)
    except LocalError as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None

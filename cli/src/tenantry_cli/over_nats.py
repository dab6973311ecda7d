"""Run a command's work with a connection to NATS; what is missing is said, and what to do about it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from tenantry_cli.ports import Ports
from tenantry_common import bus, config, errors

NATS_SECONDS = 5
NATS_URL = f"nats://127.0.0.1:{Ports().nats}"
NatsUrl = Annotated[str, typer.Option(help="URL of a NATS server.")]


def over_nats[T](url: str, work: Callable[[bus.Bus], Awaitable[T]]) -> T:
    """Return what `work` returns; exit with status 2 where it cannot be done."""

    async def connected() -> T:
        settings = config.Nats(servers=(url,))
        async with (
            asyncio.timeout(NATS_SECONDS) as patience,
            bus.connect(settings, "tenantry") as link,
        ):
            patience.reschedule(None)
            return await work(link)

    try:
        return asyncio.run(connected())
    except TimeoutError:
        fail(f"NATS does not answer at {url}; name it with --nats, or start it: tenantry up")
    except errors.TenantryError as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def fail(text: str) -> NoReturn:
    """Say what could not be done, and exit with status 2."""
    Console(stderr=True).print(f"[bold red]tenantry:[/] {text}", highlight=False)
    raise typer.Exit(2)

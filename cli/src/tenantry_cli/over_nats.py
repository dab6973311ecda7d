"""Run a command's work with a connection to NATS; what is missing is said, and what to do about it.

Who we are there is said as to the services: `TENANTRY__NATS__USERNAME`, `…__PASSWORD_FILE`,
`…__TLS_CA_FILE` and so on.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, NoReturn

import msgspec
import typer
from rich.console import Console

from tenantry_cli.ports import Ports
from tenantry_common import bus, config, errors

NATS_SECONDS = 5
NATS_URL = f"nats://127.0.0.1:{Ports().nats}"
NatsUrl = Annotated[
    str,
    typer.Option(help="URL of a NATS server; TENANTRY__NATS__USERNAME and so on say who asks."),
]


class _Environment(config.Section, frozen=True, kw_only=True):
    """What the environment says; there is no file."""

    nats: config.Nats = config.Nats()


def over_nats[T](url: str, work: Callable[[bus.Bus], Awaitable[T]]) -> T:
    """Return what `work` returns; exit with status 2 where it cannot be done."""

    async def connected() -> T:
        known = config.load(_Environment, None).nats
        settings = msgspec.structs.replace(known, servers=(url,))
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

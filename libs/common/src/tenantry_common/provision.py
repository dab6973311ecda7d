"""Create or strengthen every stream and bucket, once, and end: `python -m tenantry_common.provision`.

For platforms where the services' own NATS users may not touch streams (deploy/nats). It is configured
like a service, with `--config FILE` and the environment; whatever it creates must be at least as strong
as what the services ask for, because they cannot strengthen it.
"""

from tenantry_common import config, runtime, streams, tasks


async def main(settings: config.Service, process: runtime.Runtime) -> None:
    """Return when everything is there, or when `process.stopping` is set."""
    async with process.connect() as connection:
        await tasks.until(process.stopping, streams.ensure(connection, settings.nats))


if __name__ == "__main__":
    runtime.run("provision", config.Service, main)

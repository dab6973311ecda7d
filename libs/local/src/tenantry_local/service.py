"""One of Tenantry's own services as a child process, configured for this machine."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tenantry_local import readiness
from tenantry_local.ports import LOOPBACK
from tenantry_local.process import Process


def service(
    module: str,
    settings: Mapping[str, Any],
    *,
    name: str,
    nats_url: str,
    ops_port: int,
    config: Path,
    log: Path,
) -> Process:
    """Write the configuration file of `module` to `config`, and describe the process that reads it.

    `settings` are the service's own keys; instance, NATS and ops port are added. It counts as ready
    when its `/readyz` says so.
    """
    document = {
        "instance": name,
        "nats": {"servers": [nats_url]},
        "ops": {"host": LOOPBACK, "port": ops_port},
        **settings,
    }
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(yaml.safe_dump(document, sort_keys=False))
    return Process(
        name,
        [sys.executable, "-m", module, "--config", config],
        log=log,
        ports=(ops_port,),
        ready=readiness.http_ok(f"http://{LOOPBACK}:{ops_port}/readyz"),
    )

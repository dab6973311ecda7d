"""A worker that is not there has no answer; one whose configuration is wrong ends with 2."""

from pathlib import Path

from query_gateway.config import Config, Listen
from query_gateway.workers.child import Child
from tenantry_common import config


def settings(number: int, path: str) -> Config:
    tls = config.Tls(cert_file="/nowhere/crt", key_file="/nowhere/key")
    return Config(ops=config.Ops(socket=path), listen=Listen(port=0, tls=tls))


async def test_who_does_not_run_says_nothing(tmp_path: Path) -> None:
    child = Child(3, tmp_path, settings)

    said = await child.ask("/readyz")

    assert (said.status, child.name, child.pid) == (0, "3", None)


async def test_one_that_is_told_to_stop_before_it_runs_ends(tmp_path: Path) -> None:
    child = Child(3, tmp_path, settings)
    child.stop()

    assert await child.run() != 1

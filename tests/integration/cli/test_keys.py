"""`tenantry keys revoke` from the command line to a bucket that receivers mirror."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tenantry_cli.main import app
from tenantry_common import contracts, subjects
from tenantry_common.testing import mirror, ready_bus, until
from tenantry_local.nats_server import NatsServer


@pytest.mark.parametrize(
    ("kind", "name"), [("token", "jti"), ("credential", "fleet"), ("cluster", "team-a/fleet/a/b")]
)
async def test_a_revocation_reaches_those_who_mirror_the_bucket(
    fresh_nats_server: NatsServer, kind: str, name: str
) -> None:
    arguments = ["keys", "revoke", kind, name, "--nats", fresh_nats_server.url]
    async with (
        ready_bus(fresh_nats_server.url) as connection,
        mirror(connection, subjects.REVOCATIONS, contracts.decode_revocation) as view,
    ):
        result = await asyncio.to_thread(lambda: CliRunner().invoke(app, arguments))
        found = await until(view, lambda entries: bool(entries))

    assert result.exit_code == 0, result.output
    (entry,) = found.values()
    assert list(found) == [subjects.revocation_key(kind, name)]
    assert (entry.kind, entry.name) == (kind, name)


def test_without_nats_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tenantry_cli.over_nats.NATS_SECONDS", 0.3)
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(
        app, ["keys", "revoke", "token", "x", "--nats", "nats://127.0.0.1:1"]
    )

    assert result.exit_code == 2

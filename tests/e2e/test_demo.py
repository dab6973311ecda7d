"""The demo proves itself, and fails when there is something to fail on."""

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


async def run(*arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tenantry_cli", *arguments, stdout=PIPE, stderr=STDOUT, cwd=ROOT
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


@pytest.mark.timeout(180)
async def test_every_line_of_the_proof_holds(tmp_path: Path) -> None:
    status, output = await run("demo", "--once", "--free-ports", "--run-dir", str(tmp_path / "run"))

    assert (status, "✗" in output) == (0, False), output
    assert "lines hold" in output


@pytest.mark.timeout(180)
async def test_a_grant_that_is_too_wide_fails_the_proof(tmp_path: Path, examples: Path) -> None:
    manifest = examples / "team-web.yaml"
    text = manifest.read_text().replace("  metrics:\n", '  metrics:\n    - "vault_.*"\n', 1)
    manifest.write_text(text)

    status, output = await run(
        *("demo", "--once", "--free-ports", "--run-dir", str(tmp_path / "run")),
        *("--manifests", str(examples)),
    )

    assert status == 1, output
    assert "✗" in output


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    from tenantry_cli.ports import Ports

    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", Ports().gateway)
    async with server:
        status, output = await run("up", "--run-dir", str(tmp_path / "run"))

    assert status == 2, output
    assert str(Ports().gateway) in output

"""What a Redis is told."""

from pathlib import Path

from tenantry_local.redis_server import RedisServer
from tenantry_local.server import Command, Launch


def test_nothing_is_written_to_disk(
    tmp_path: Path, launch: Launch, commands: list[Command]
) -> None:
    server = RedisServer(tmp_path, port=6379, flags=("--maxmemory", "2mb"), launch=launch)

    words = " ".join(commands[0].arguments)
    assert words == (
        f"--bind 127.0.0.1 --port 6379 --dir {tmp_path} --save  --appendonly no --maxmemory 2mb"
    )
    assert server.url == "redis://127.0.0.1:6379/0"


def test_with_tls_nothing_else_is_spoken(
    tmp_path: Path, launch: Launch, commands: list[Command]
) -> None:
    server = RedisServer(tmp_path, port=6379, tls=True, launch=launch)

    assert commands[0].arguments[2:6] == ("--port", "0", "--tls-port", "6379")
    assert server.url == "rediss://127.0.0.1:6379/0"

"""The one that may create streams creates all of them, and ends."""

import sys
from pathlib import Path

from tenantry_common import bus, config, streams
from tenantry_local.nats_server import NatsServer
from tenantry_local.process import Process


async def test_every_stream_is_there_when_it_has_ended(
    fresh_nats_server: NatsServer, tmp_path: Path
) -> None:
    url = fresh_nats_server.url
    process = Process(
        "provision",
        [sys.executable, "-m", "tenantry_common.provision"],
        log=tmp_path / "log",
        env={"TENANTRY__NATS__SERVERS": f'["{url}"]', "TENANTRY__NATS__SAMPLES_MAX_BYTES": "4096"},
    )

    process.spawn()
    status = await process.wait()

    async with bus.connect(config.Nats(servers=(url,)), "test") as connection:
        found = {info.config.name: info.config for info in await connection.js.streams_info()}
    assert status == 0, process.last_lines()
    assert found.keys() == {wanted.name for wanted in streams.definitions(config.Nats())}
    assert found["SAMPLES"].max_bytes == 4096

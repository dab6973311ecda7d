"""A service is described by its module, its own settings and where it meets the others."""

import sys
from pathlib import Path

import yaml

from tenantry_local.service import service


def test_the_configuration_is_written_and_the_process_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "config" / "d-0.yaml"

    process = service(
        "discovery",
        {"probe_interval_seconds": 1},
        name="d-0",
        nats_url="nats://127.0.0.1:4222",
        ops_port=9101,
        config=path,
        log=tmp_path / "d-0.log",
    )

    assert yaml.safe_load(path.read_text()) == {
        "instance": "d-0",
        "nats": {"servers": ["nats://127.0.0.1:4222"]},
        "ops": {"host": "127.0.0.1", "port": 9101},
        "probe_interval_seconds": 1,
    }
    assert process.argv == (sys.executable, "-m", "discovery", "--config", str(path))

"""The compose file configures the services with settings that they have, and mounts what exists."""

import importlib
from pathlib import Path

import pytest
import yaml

from tenantry_common import config

ROOT = Path(__file__).parents[2]
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
OURS = [name for name in SERVICES if (ROOT / "services" / name).is_dir()]


def test_every_service_is_in_it() -> None:
    assert set(OURS) == {path.name for path in (ROOT / "services").iterdir() if path.is_dir()}


@pytest.mark.parametrize("name", OURS)
def test_its_environment_is_a_valid_configuration(name: str) -> None:
    module = importlib.import_module(f"{name.replace('-', '_')}.config")
    environment = SERVICES[name].get("environment", {})

    loaded = config.load(module.Config, None, environment)

    assert loaded.nats.servers == ("nats://nats:4222",)


def test_what_is_mounted_exists() -> None:
    mounted = [
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    ]

    assert [path for path in mounted if not (ROOT / path).exists()] == []

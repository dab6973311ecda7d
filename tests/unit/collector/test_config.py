"""Settings that nothing can be collected with are refused by name."""

import pytest

from collector.config import Config
from tenantry_common import config, errors


def test_defaults_are_accepted() -> None:
    assert config.load(Config, None, env={}) == Config()


@pytest.mark.parametrize("name", ["batch_series", "slice_seconds", "max_concurrent_windows"])
def test_number_that_cannot_be_is_refused_by_name(name: str) -> None:
    with pytest.raises(errors.ConfigError, match=f"{name} must be larger than 0"):
        config.load(Config, None, env={f"TENANTRY__{name.upper()}": "0"})


def test_what_may_be_nothing_may_be_nothing() -> None:
    assert config.load(Config, None, env={"TENANTRY__SETTLE_SECONDS": "0"}).settle_seconds == 0

"""Executables are found in a fixed order, and what is missing names its remedy."""

from pathlib import Path

import pytest

from tenantry_local import binaries
from tenantry_local.errors import MissingBinary


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of tools."""
    monkeypatch.setenv("TENANTRY_TOOLS", str(tmp_path / "tools"))
    return tmp_path / "tools"


def test_the_variable_wins_over_path(tools: Path, tmp_path: Path) -> None:
    chosen = executable(tmp_path / "mine")
    executable(tmp_path / "bin" / "prometheus")
    env = {"PROMETHEUS_BIN": str(chosen), "PATH": str(tmp_path / "bin")}

    assert binaries.find(binaries.PROMETHEUS, env=env) == chosen


def test_path_wins_over_tools(tools: Path, tmp_path: Path) -> None:
    on_path = executable(tmp_path / "bin" / "prometheus")
    executable(tools / "bin" / "prometheus")

    assert binaries.find(binaries.PROMETHEUS, env={"PATH": str(tmp_path / "bin")}) == on_path


def test_tools_are_the_last_resort(tools: Path) -> None:
    installed = executable(tools / "bin" / "prometheus")

    assert binaries.find(binaries.PROMETHEUS, env={"PATH": ""}) == installed


def test_names_of_other_distributions_are_known(tools: Path, tmp_path: Path) -> None:
    upstream = executable(tmp_path / "bin" / "pushgateway")

    assert binaries.find(binaries.PUSHGATEWAY, env={"PATH": str(tmp_path / "bin")}) == upstream


def test_the_locked_nats_server_wins_over_an_older_one_on_path(tools: Path, tmp_path: Path) -> None:
    executable(tmp_path / "bin" / "nats-server")

    found = binaries.find(binaries.NATS_SERVER, env={"PATH": str(tmp_path / "bin")})

    assert found.parent != tmp_path / "bin"


def test_what_is_missing_names_the_command_that_installs_it(tools: Path) -> None:
    with pytest.raises(MissingBinary, match=r"run `make servers`, or .* in PROMETHEUS_BIN"):
        binaries.find(binaries.PROMETHEUS, env={"PATH": ""})


def test_a_variable_that_names_nothing_is_an_error_and_not_ignored(
    tools: Path, tmp_path: Path
) -> None:
    executable(tmp_path / "bin" / "prometheus")
    env = {"PROMETHEUS_BIN": "/no/such/file", "PATH": str(tmp_path / "bin")}

    with pytest.raises(MissingBinary, match="PROMETHEUS_BIN names /no/such/file"):
        binaries.find(binaries.PROMETHEUS, env=env)


def test_tools_are_kept_in_the_checkout() -> None:
    assert (binaries.tools_dir().parent / "uv.lock").is_file()

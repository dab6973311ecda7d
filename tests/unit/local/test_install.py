"""What is missing is installed in the first way that works; what is there is left alone."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tenantry_local import binaries, install, packages, shared_libraries
from tenantry_local.errors import InstallFailed, MissingBinary
from tenantry_local.install import Fetch

PROMETHEUS = packages.named("prometheus")
WORKS = "echo prometheus, version 3"


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of tools on a machine that has none, neither there nor on PATH."""
    monkeypatch.setenv("TENANTRY_TOOLS", str(tmp_path / "tools"))
    monkeypatch.setenv("PATH", "")
    return tmp_path / "tools"


def holding(**scripts: str) -> Fetch:
    """A way that fetches these executables."""

    def fetch(_: object, tools: Path, folder: Path, say: Callable[[str], None]) -> Path:
        for name, script in scripts.items():
            (folder / name).write_text(f"#!/bin/sh\n{script}\n")
            (folder / name).chmod(0o755)
        return folder

    return fetch


def refusing(*_: object) -> Path:
    """A way that does not work here."""
    raise InstallFailed("not on this machine")


def test_all_executables_of_the_package_are_kept(tools: Path) -> None:
    way = holding(prometheus=WORKS, promtool=WORKS, unrelated=WORKS)

    found = install.install(PROMETHEUS, tools, [("first", way)])

    assert found == tools / "bin" / "prometheus"
    assert sorted(path.name for path in tools.rglob("*")) == ["bin", "prometheus", "promtool"]


def test_the_next_way_is_tried_and_each_step_is_told(
    tools: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ways = [("first", refusing), ("second", holding(prometheus=WORKS))]

    install.install(PROMETHEUS, tools, ways)

    assert capsys.readouterr().err.splitlines() == [
        "servers: installing prometheus with first",
        "servers: first: not on this machine",
        "servers: installing prometheus with second",
        f"servers: installed {tools}/bin/prometheus: prometheus, version 3",
    ]


def test_what_is_there_is_neither_fetched_nor_mentioned(
    tools: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install.install(PROMETHEUS, tools, [("first", holding(prometheus=WORKS))])
    capsys.readouterr()

    found = install.install(PROMETHEUS, tools, [("first", refusing)])

    assert found == tools / "bin" / "prometheus"
    assert capsys.readouterr().err == ""


def test_an_executable_that_does_not_run_here_is_not_kept(tools: Path) -> None:
    ways = [("first", holding(prometheus="exit 127")), ("second", holding(prometheus=WORKS))]

    install.install(PROMETHEUS, tools, ways)

    assert (tools / "bin" / "prometheus").read_text().endswith(f"{WORKS}\n")


def test_an_executable_is_kept_with_the_libraries_that_the_machine_lacks(
    tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unpacked(_: object, tools: Path, folder: Path, say: Callable[[str], None]) -> Path:
        libraries = folder / "usr" / "lib" / "some-linux-gnu"
        libraries.mkdir(parents=True)
        for name in ("liblzf.so.1", "libother.so.1"):
            (libraries / name).write_text(name)
        (folder / "usr" / "bin").mkdir()
        server = folder / "usr" / "bin" / "prometheus"
        server.write_text('#!/bin/sh\necho "$LD_LIBRARY_PATH"\n')
        server.chmod(0o755)
        return folder / "usr" / "bin"

    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # dirname, for the script
    monkeypatch.setenv("PROMETHEUS_BIN", "")
    monkeypatch.setattr(binaries, "find", _nothing)
    monkeypatch.setattr(shared_libraries, "missing", lambda _: ["liblzf.so.1"])

    found = install.install(PROMETHEUS, tools, [("first", unpacked)])

    kept = tools / "lib" / "prometheus"
    assert sorted(path.name for path in kept.iterdir()) == ["liblzf.so.1", "prometheus"]
    run = subprocess.run([found, "--version"], check=True, capture_output=True, text=True)
    assert Path(run.stdout.strip()).resolve() == kept


def _nothing(*_: object) -> Path:
    raise MissingBinary("nothing is installed here")


def test_a_package_without_the_server_is_refused(tools: Path) -> None:
    with pytest.raises(InstallFailed):
        install.install(PROMETHEUS, tools, [("first", holding(promtool=WORKS))])
    assert list(tools.iterdir()) == []


def test_when_nothing_works_the_next_step_is_named(tools: Path) -> None:
    with pytest.raises(
        InstallFailed,
        match=r"could not be installed with first, second\. .* PATH or named by PROMETHEUS_BIN",
    ):
        install.install(PROMETHEUS, tools, [("first", refusing), ("second", refusing)])


def test_an_unknown_server_ends_the_command_with_an_error(
    tools: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install.main(["no-such-server"]) == 1
    assert "no-such-server is not a server known here" in capsys.readouterr().err

"""apt is used without root, on a state of its own, and fetches lists only when it must."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tenantry_local import apt, packages
from tenantry_local.errors import InstallFailed

type AddProgram = Callable[[str, str], None]

PROMETHEUS = packages.named("prometheus")
UNPACK = 'mkdir -p "$3/usr/bin"; touch "$3/usr/bin/prometheus"'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder to unpack in."""
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder


def test_the_lists_of_the_machine_are_used_where_they_suffice(
    add_program: AddProgram, calls: Callable[[], list[str]], tmp_path: Path, folder: Path
) -> None:
    add_program("apt-get", "touch prometheus_2_amd64.deb")
    add_program("dpkg", UNPACK)
    said: list[str] = []

    found = apt.fetch(PROMETHEUS, tmp_path, folder, said.append)

    config = tmp_path / "apt" / "apt.conf"
    assert (found / "prometheus").exists()
    assert calls() == [
        f"apt-get --config-file {config} --quiet=2 download prometheus",
        f"dpkg -x {folder}/prometheus_2_amd64.deb {folder}",
    ]
    assert 'Dir::State::lists "/var/lib/apt/lists";' in config.read_text()
    assert said == []


def test_lists_are_fetched_into_tools_where_those_of_the_machine_lack_the_package(
    add_program: AddProgram, calls: Callable[[], list[str]], tmp_path: Path, folder: Path
) -> None:
    updated = tmp_path / "updated"
    add_program(
        "apt-get",
        f"""case $4 in
        update) touch {updated} ;;
        download) [ -e {updated} ] && touch prometheus_2_amd64.deb ;;
        esac""",
    )
    add_program("dpkg", UNPACK)
    said: list[str] = []

    found = apt.fetch(PROMETHEUS, tmp_path, folder, said.append)

    config = tmp_path / "apt" / "apt.conf"
    assert (found / "prometheus").exists()
    assert [call.split(" ", 3)[3] for call in calls()[:3]] == [
        "--quiet=2 download prometheus",
        "--quiet=2 update",
        "--quiet=2 download prometheus",
    ]
    assert f'Dir::State::lists "{tmp_path}/apt/lists";' in config.read_text()
    assert said == ["fetching package lists into .tools/apt"]


def test_a_server_in_the_package_of_another_is_fetched_with_that(
    add_program: AddProgram, calls: Callable[[], list[str]], tmp_path: Path, folder: Path
) -> None:
    add_program("apt-get", "touch victoria-metrics_1_amd64.deb")
    add_program("dpkg", 'mkdir -p "$3/usr/bin"; touch "$3/usr/bin/vmagent"')

    found = apt.fetch(packages.named("vmagent"), tmp_path, folder, lambda _: None)

    assert (found / "vmagent").exists()
    assert calls()[0].endswith("download victoria-metrics")


def test_several_packages_make_one_server(
    add_program: AddProgram, calls: Callable[[], list[str]], tmp_path: Path, folder: Path
) -> None:
    add_program("apt-get", "touch redis-server_7_amd64.deb redis-tools_7_amd64.deb")
    add_program("dpkg", 'mkdir -p "$3/usr/bin"; touch "$3/usr/bin/redis-server"')

    found = apt.fetch(packages.named("redis-server"), tmp_path, folder, lambda _: None)

    assert (found / "redis-server").exists()
    assert calls()[0].endswith("download redis-server redis-tools")
    assert sorted(call.split()[2].rpartition("/")[2] for call in calls()[1:]) == [
        "redis-server_7_amd64.deb",
        "redis-tools_7_amd64.deb",
    ]


def test_a_failed_download_is_told_in_apts_words(
    add_program: AddProgram, tmp_path: Path, folder: Path
) -> None:
    add_program("apt-get", 'echo "E: Unable to locate package prometheus" >&2; exit 100')
    add_program("dpkg", "")

    with pytest.raises(InstallFailed, match="Unable to locate package prometheus"):
        apt.fetch(PROMETHEUS, tmp_path, folder, lambda _: None)


def test_a_machine_without_apt_is_told_so(
    add_program: AddProgram, tmp_path: Path, folder: Path
) -> None:
    add_program("dpkg", "")

    with pytest.raises(InstallFailed, match="this machine has no apt-get"):
        apt.fetch(PROMETHEUS, tmp_path, folder, lambda _: None)


@pytest.mark.parametrize(("user", "quieted"), [(0, True), (1000, False)])
def test_only_root_has_a_sandbox_to_leave(
    add_program: AddProgram,
    tmp_path: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    user: int,
    quieted: bool,
) -> None:
    add_program("apt-get", "touch prometheus_2_amd64.deb")
    add_program("dpkg", UNPACK)
    monkeypatch.setattr(os, "geteuid", lambda: user)

    apt.fetch(PROMETHEUS, tmp_path, folder, lambda _: None)

    assert ("APT::Sandbox::User" in (tmp_path / "apt" / "apt.conf").read_text()) is quieted

"""Executables are copied out of an image, and the container made for it is removed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tenantry_local import docker_image, packages
from tenantry_local.errors import InstallFailed

type AddProgram = Callable[[str, str], None]

PROMETHEUS = packages.named("prometheus")
IMAGE = PROMETHEUS.binary.image

pytestmark = pytest.mark.usefixtures("on_linux")


@pytest.fixture
def on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the machine be one that can run what images hold."""
    monkeypatch.setattr("sys.platform", "linux")


def test_executables_are_copied(
    add_program: AddProgram, calls: Callable[[], list[str]], tmp_path: Path
) -> None:
    add_program("docker", "[ $1 != create ] || echo 0abc")

    assert docker_image.fetch(PROMETHEUS, tmp_path, tmp_path, lambda _: None) == tmp_path
    assert calls() == [
        f"docker create --quiet {IMAGE}",
        f"docker cp 0abc:/bin/prometheus {tmp_path}",
        f"docker cp 0abc:/bin/promtool {tmp_path}",
        "docker rm 0abc",
    ]


def test_the_container_is_removed_when_copying_fails(
    add_program: AddProgram, calls: Callable[[], list[str]], tmp_path: Path
) -> None:
    add_program(
        "docker", "case $1 in create) echo 0abc ;; cp) echo no such path >&2; exit 1 ;; esac"
    )

    with pytest.raises(InstallFailed, match="no such path"):
        docker_image.fetch(PROMETHEUS, tmp_path, tmp_path, lambda _: None)
    assert calls()[-1] == "docker rm 0abc"


def test_a_daemon_that_does_not_answer_is_told(add_program: AddProgram, tmp_path: Path) -> None:
    add_program("docker", "echo Cannot connect to the Docker daemon >&2; exit 1")

    with pytest.raises(InstallFailed, match="docker: Cannot connect to the Docker daemon"):
        docker_image.fetch(PROMETHEUS, tmp_path, tmp_path, lambda _: None)


def test_a_machine_without_docker_is_told_so(add_program: AddProgram, tmp_path: Path) -> None:
    with pytest.raises(InstallFailed, match="this machine has no docker"):
        docker_image.fetch(PROMETHEUS, tmp_path, tmp_path, lambda _: None)


def test_images_are_of_no_use_to_another_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")

    with pytest.raises(InstallFailed, match="for Linux only"):
        docker_image.fetch(PROMETHEUS, tmp_path, tmp_path, lambda _: None)

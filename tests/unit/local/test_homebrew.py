"""Homebrew installs the formula, where there is one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tenantry_local import homebrew, packages
from tenantry_local.errors import InstallFailed

type AddProgram = Callable[[str, str], None]


def test_the_formula_is_installed_and_its_folder_returned(
    add_program: AddProgram, calls: Callable[[], list[str]], tmp_path: Path
) -> None:
    add_program("brew", '[ "$1" = --prefix ] && echo /brew/opt/prometheus || true')

    found = homebrew.fetch(packages.named("prometheus"), tmp_path, tmp_path, lambda _: None)

    assert found == Path("/brew/opt/prometheus/bin")
    assert calls() == ["brew install --quiet prometheus", "brew --prefix prometheus"]


def test_a_package_without_a_formula_is_refused(add_program: AddProgram, tmp_path: Path) -> None:
    add_program("brew", "")

    with pytest.raises(InstallFailed, match="no formula for prometheus-pushgateway"):
        homebrew.fetch(packages.named("prometheus-pushgateway"), tmp_path, tmp_path, lambda _: None)


def test_a_machine_without_homebrew_is_told_so(add_program: AddProgram, tmp_path: Path) -> None:
    with pytest.raises(InstallFailed, match="this machine has no brew"):
        homebrew.fetch(packages.named("prometheus"), tmp_path, tmp_path, lambda _: None)

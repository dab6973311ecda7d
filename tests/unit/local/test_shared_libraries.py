"""Executables of packages that were only unpacked get the libraries that the machine lacks."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tenantry_local import shared_libraries
from tenantry_local.errors import InstallFailed

type AddProgram = Callable[[str, str], None]

LISTED = """
cat <<END
	linux-vdso.so.1 (0x00007f1629d91000)
	liblzf.so.1 => not found
	libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f16296a5000)
	libjemalloc.so.2 => not found
END
"""


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("liblzf.so.1", "liblzf1"),
        ("libstdc++.so.6", "libstdc++6"),
        ("libssl.so.3", "libssl3"),
        ("libpcre2-8.so.0", "libpcre2-8-0"),
        ("libX11.so.6", "libx11-6"),
    ],
)
def test_a_package_is_named_after_its_library(library: str, package: str) -> None:
    assert shared_libraries.packages_of(library) == [package, f"{package}t64"]


def test_what_has_no_version_has_no_package_of_its_name() -> None:
    assert shared_libraries.packages_of("libinner.so") == []


def test_what_the_loader_does_not_find_is_missing(add_program: AddProgram, tmp_path: Path) -> None:
    add_program("env", 'shift; exec "$@"')
    add_program("ldd", LISTED)

    assert shared_libraries.missing(tmp_path) == ["libjemalloc.so.2", "liblzf.so.1"]


def test_nothing_is_missing_where_nothing_can_tell(add_program: AddProgram, tmp_path: Path) -> None:
    assert shared_libraries.missing(tmp_path) == []
    add_program("env", 'shift; exec "$@"')
    add_program("ldd", "echo not a dynamic executable >&2; exit 1")
    assert shared_libraries.missing(tmp_path) == []


def test_packages_are_unpacked_until_nothing_is_missing(
    add_program: AddProgram, tmp_path: Path
) -> None:
    libraries = tmp_path / "usr" / "lib" / "x86_64-linux-gnu"
    libraries.mkdir(parents=True)
    add_program("env", 'shift; exec "$@"')
    add_program("ldd", f"[ -e {libraries}/liblzf.so.1 ] || echo 'liblzf.so.1 => not found'")
    asked: list[str] = []

    def unpack(package: str) -> None:
        asked.append(package)
        if not package.endswith("t64"):
            raise InstallFailed("unable to locate it")
        (libraries / "liblzf.so.1").touch()

    shared_libraries.complete([tmp_path / "server"], tmp_path, unpack)

    assert asked == ["liblzf1", "liblzf1t64"]
    assert shared_libraries.folders_of(tmp_path) == [libraries]


def test_what_no_package_holds_is_asked_for_once(add_program: AddProgram, tmp_path: Path) -> None:
    add_program("env", 'shift; exec "$@"')
    add_program("ldd", "echo 'libown.so.1 => not found'")
    asked: list[str] = []

    def unpack(package: str) -> None:
        asked.append(package)
        raise InstallFailed("unable to locate it")

    shared_libraries.complete([tmp_path / "server"], tmp_path, unpack)

    assert asked == ["libown1", "libown1t64"]

"""Which shared libraries an executable lacks on this machine, and which package holds one.

Packages that are unpacked without being installed bring no dependencies. Those of libraries follow from
the library's name, by Debian's policy (section 8.1), so that the archive need not be searched.
"""

import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from tenantry_local import commands
from tenantry_local.errors import InstallFailed

_MISSING = re.compile(r"^\s*(\S+) => not found", re.MULTILINE)
_SONAME = re.compile(r"(?P<name>.+)\.so\.(?P<version>[0-9.]+)")
_ROUNDS = 5
"""A library may lack others, which may lack others."""


def missing(executable: Path, folders: Iterable[Path] = ()) -> list[str]:
    """Return the names of the libraries that are neither on this machine nor in `folders`.

    None where that cannot be told: not Linux, or a script or a static executable.
    """
    ldd = shutil.which("ldd")
    if ldd is None:
        return []
    path = ":".join(map(str, folders))
    try:
        listed = commands.run("env", f"LD_LIBRARY_PATH={path}", ldd, str(executable))
    except InstallFailed:  # "not a dynamic executable"
        return []
    return sorted(set(_MISSING.findall(listed)))


def packages_of(library: str) -> list[str]:
    """Return the names that the package of a library may have, such as `liblzf1` for `liblzf.so.1`."""
    found = _SONAME.fullmatch(library)
    if found is None:
        return []
    name = found["name"].lower().replace("_", "-")
    dash = "-" if name[-1].isdigit() else ""
    package = f"{name}{dash}{found['version']}"
    return [package, f"{package}t64"]  # renamed when times became 64 bits wide


def complete(executables: Iterable[Path], root: Path, unpack: Callable[[str], None]) -> None:
    """Have the packages of missing libraries unpacked below `root`. What cannot be had is left out."""
    for _ in range(_ROUNDS):
        folders = folders_of(root)
        lacking = {name for one in executables for name in missing(one, folders)}
        unpacked = [_unpack_one(packages_of(name), unpack) for name in sorted(lacking)]
        if not any(unpacked):
            return


def folders_of(root: Path) -> list[Path]:
    """Return the folders below `root` that hold shared libraries."""
    return sorted({path.parent for path in root.glob("**/lib/**/*.so*")})


def _unpack_one(packages: Iterable[str], unpack: Callable[[str], None]) -> bool:
    for package in packages:
        try:
            unpack(package)
        except InstallFailed:
            continue
        return True
    return False

"""Fetch executables from Debian or Ubuntu packages without root and without installing them.

apt works on a state of its own below `.tools`, so that the machine's package lists and locks stay
untouched, and nothing is configured or started: a package is downloaded, checked by apt against the
archive's signature, and unpacked.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from tenantry_local import commands, shared_libraries
from tenantry_local.errors import InstallFailed
from tenantry_local.packages import Package

_SYSTEM_LISTS = Path("/var/lib/apt/lists")
_PROGRAMS = ("apt-get", "dpkg")

# Read by apt after the machine's own configuration, which may name a proxy and is therefore kept.
_CONFIG = """\
Dir::State::lists "{lists}";
Dir::Cache "{state}/cache";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Acquire::Languages "none";
Acquire::Retries "2";
// Hooks of the machine's configuration act on the machine's state, as root.
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""
_AS_ROOT = """\
// apt's own user may not read the checkout.
APT::Sandbox::User "root";
"""


def fetch(package: Package, tools: Path, folder: Path, say: Callable[[str], None]) -> Path:
    """Unpack the package in `folder` and return the folder of its executables."""
    for program in _PROGRAMS:
        if shutil.which(program) is None:
            raise InstallFailed(f"this machine has no {program}")
    state = tools / "apt"
    archives = package.archives or (package.name,)
    arguments = _configure(state, _SYSTEM_LISTS)
    try:
        _unpack(archives, folder, arguments)
    except InstallFailed:  # lists never fetched, or so old that the archive dropped the file
        say("fetching package lists into .tools/apt")
        arguments = _configure(state, state / "lists")
        commands.run("apt-get", *arguments, "--quiet=2", "update")
        _unpack(archives, folder, arguments)
    executables = folder / "usr" / "bin"
    shared_libraries.complete(
        [path for name in package.executables if (path := executables / name).is_file()],
        folder,
        lambda name: _unpack((name,), folder, arguments),
    )
    return executables


def _configure(state: Path, lists: Path) -> tuple[str, str]:
    """Write a configuration for apt and return the arguments that make apt use it."""
    for folder in (lists, state / "cache" / "archives"):
        if folder != _SYSTEM_LISTS:
            (folder / "partial").mkdir(parents=True, exist_ok=True)
    config = state / "apt.conf"
    as_root = _AS_ROOT if os.geteuid() == 0 else ""
    config.write_text(_CONFIG.format(lists=lists, state=state) + as_root)
    return "--config-file", str(config)


def _unpack(archives: Sequence[str], folder: Path, arguments: tuple[str, str]) -> None:
    commands.run("apt-get", *arguments, "--quiet=2", "download", *archives, cwd=folder)
    for archive in folder.glob("*.deb"):
        commands.run("dpkg", "-x", str(archive), str(folder))
        archive.unlink()

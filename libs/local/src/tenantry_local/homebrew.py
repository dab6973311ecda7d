"""Have Homebrew install a server, which needs no root and starts no service."""

import shutil
from collections.abc import Callable
from pathlib import Path

from tenantry_local import commands
from tenantry_local.errors import InstallFailed
from tenantry_local.packages import Package


def fetch(package: Package, tools: Path, folder: Path, say: Callable[[str], None]) -> Path:
    """Install the package's formula and return the folder of its executables."""
    del tools, folder  # Homebrew has places of its own
    if shutil.which("brew") is None:
        raise InstallFailed("this machine has no brew")
    if package.formula is None:
        raise InstallFailed(f"Homebrew has no formula for {package.name}")
    say(f"brew install {package.formula}")
    commands.run("brew", "install", "--quiet", package.formula)
    return Path(commands.run("brew", "--prefix", package.formula).strip()) / "bin"

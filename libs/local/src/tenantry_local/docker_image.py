"""Copy a server's executables out of its container image, without running a container."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from tenantry_local import commands
from tenantry_local.errors import InstallFailed
from tenantry_local.packages import Package


def fetch(package: Package, tools: Path, folder: Path, say: Callable[[str], None]) -> Path:
    """Copy the executables from the package's image into `folder` and return it."""
    del tools
    if sys.platform != "linux":
        raise InstallFailed("images hold executables for Linux only")
    if shutil.which("docker") is None:
        raise InstallFailed("this machine has no docker")
    image = package.binary.image
    say(f"pulling {image}")
    container = commands.run("docker", "create", "--quiet", image).strip()
    try:
        for name in package.image_executables:
            source = PurePosixPath(package.image_folder) / name
            commands.run("docker", "cp", f"{container}:{source}", str(folder))
    finally:
        commands.run("docker", "rm", container)
    return folder

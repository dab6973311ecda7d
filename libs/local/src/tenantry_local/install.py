"""Install servers that this machine lacks: `python -m tenantry_local.install prometheus …`

Executables are put into `.tools/bin`. Nothing needs root, no service of the machine is touched, and
nothing is said when nothing is missing. Uses the standard library only.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tenantry_local import (
    apt,
    binaries,
    commands,
    docker_image,
    homebrew,
    packages,
    shared_libraries,
)
from tenantry_local.errors import InstallFailed, MissingBinary
from tenantry_local.packages import Package

type Fetch = Callable[[Package, Path, Path, Callable[[str], None]], Path]

_SCRIPT = """\
#!/bin/sh
kept="$(dirname "$0")/../lib/{name}"
LD_LIBRARY_PATH="$kept" exec "$kept/{name}" "$@"
"""

WAYS: tuple[tuple[str, Fetch], ...] = (
    ("apt", apt.fetch),
    ("Homebrew", homebrew.fetch),
    ("Docker", docker_image.fetch),
)


def main(arguments: Sequence[str]) -> int:
    """Install the named servers and return the exit status."""
    try:
        for name in arguments:
            install(packages.named(name), binaries.tools_dir())
    except InstallFailed as error:
        _say(str(error))
        return 1
    return 0


def install(package: Package, tools: Path, ways: Sequence[tuple[str, Fetch]] = WAYS) -> Path:
    """Return where the server is, installing it in the first way that works unless it is there.

    Raises InstallFailed with what each way answered when none worked.
    """
    try:
        return binaries.find(package.binary)
    except MissingBinary:
        tools.mkdir(parents=True, exist_ok=True)
    failures = []
    for label, fetch in ways:
        _say(f"installing {package.name} with {label}")
        try:
            with tempfile.TemporaryDirectory(prefix="install-", dir=tools) as folder:
                source = fetch(package, tools, Path(folder), _say)
                return _keep(package, source, tools / "bin")
        except InstallFailed as error:
            _say(f"{label}: {error}")
            failures.append(label)
    raise InstallFailed(
        f"{package.name} could not be installed with {', '.join(failures)}. If it is the network, "
        f"check the proxy and run this again; else install {package.binary.name} in your own way, "
        f"so that it is on PATH or named by {package.binary.variable}."
    )


def _keep(package: Package, source: Path, target: Path) -> Path:
    """Copy the package's executables into `target` and return the path of the server."""
    executables = [path for name in package.executables if (path := source / name).is_file()]
    if not executables or executables[0].name not in package.binary.names:
        raise InstallFailed(f"the package holds no {package.binary.name}")
    for executable in executables:
        _place(_runnable(executable, source.parent, target.parent / "lib"), target)
    return target / executables[0].name


def _place(executable: Path, target: Path) -> None:
    """Copy one executable that runs there into `target`, where it appears complete or not at all."""
    target.mkdir(parents=True, exist_ok=True)
    unfinished = target / f".{executable.name}.{os.getpid()}"
    shutil.copy2(executable, unfinished)
    try:
        version = commands.run(str(unfinished), "--version").strip().partition("\n")[0]
        unfinished.replace(target / executable.name)
    finally:
        unfinished.unlink(missing_ok=True)
    _say(f"installed {target / executable.name}: {version}")


def _runnable(executable: Path, root: Path, target: Path) -> Path:
    """Return the executable; where libraries are missing that lie below `root`, a script that finds
    both in a folder of their own in `target`.
    """
    lacking = shared_libraries.missing(executable)
    if not lacking:
        return executable
    name = executable.name
    kept = target / name
    kept.mkdir(parents=True, exist_ok=True)
    shutil.copy2(executable, kept)
    for folder in shared_libraries.folders_of(root):
        for library in lacking:
            if (folder / library).is_file():
                shutil.copy2(folder / library, kept)
    script = root / "scripts" / name
    script.parent.mkdir(exist_ok=True)
    script.write_text(_SCRIPT.format(name=name))
    script.chmod(0o755)
    return script


def _say(line: str) -> None:
    sys.stderr.write(f"servers: {line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

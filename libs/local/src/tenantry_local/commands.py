"""Run other programs to their end, and say what they said when they fail."""

import subprocess
from pathlib import Path

from tenantry_local.errors import InstallFailed

_WITHIN = 600  # seconds: a slow network may need minutes for a package of 20 MB
_SHOWN_LINES = 5


def run(*command: str, cwd: Path | None = None) -> str:
    """Return what the command prints, to either stream; raise InstallFailed when it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - all callers pass words of their own
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_WITHIN,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallFailed(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()[-_SHOWN_LINES:]
        raise InstallFailed(f"{command[0]}: " + "; ".join(words or [f"status {done.returncode}"]))
    return done.stdout or done.stderr

"""Become another program that the kernel kills when the process that started it ends.

Run as a file by `process`, not imported. A tiny program between fork and exec is the one way to set
a parent-death signal that is safe with threads: `preexec_fn` would run Python in the forked child,
where a lock held by another thread at that moment is held for ever.

The signal fires when the *thread* that started the child ends, so children are started from threads
that live as long as the process: the one of the event loop.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main() -> None:
    """Tie this process to its parent (argument 1), then exec the remaining arguments."""
    parent, argv = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the signal was set
        sys.exit(1)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - starting what the caller names is the purpose
    except OSError as error:
        sys.exit(f"cannot run {argv[0]}: {error}")


if __name__ == "__main__":
    main()

"""The query gateway, whose range cache takes the time from a file: dashboards refresh without waiting.

python -m tests.bench.cache.clocked_gateway --config FILE     the file `clock` lies beside FILE
"""

import functools
import mmap
import struct
import sys
from pathlib import Path

from query_gateway import app
from query_gateway.__main__ import main

CLOCK = "clock"
_SECONDS = struct.Struct("<d")


def write(file: Path, seconds: float) -> None:
    """Let it be so many seconds since the epoch, for whoever reads `file`."""
    if not file.exists():
        file.write_bytes(bytes(_SECONDS.size))
    with file.open("r+b") as opened:
        opened.write(_SECONDS.pack(seconds))


def clock(file: Path) -> float:
    """Return what was written last."""
    return float(_SECONDS.unpack_from(_mapped(file))[0])


@functools.cache
def _mapped(file: Path) -> mmap.mmap:
    with file.open("rb") as opened:
        return mmap.mmap(opened.fileno(), _SECONDS.size, prot=mmap.PROT_READ)


if __name__ == "__main__":
    beside = Path(sys.argv[sys.argv.index("--config") + 1])
    now = functools.partial(clock, beside.with_name(CLOCK))
    app.stepwise = functools.partial(app.stepwise, now=now)  # type: ignore[attr-defined]
    main()

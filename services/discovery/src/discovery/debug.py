"""The pages `/debug/targets` and `/health`: every source, target and backend, and why it is so; pure.

The fields of adobe's pages are there under their names: `url`, `healthy`, `last_seen` of a target;
`status`, `total_targets`, `healthy_targets`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from discovery.files import Files
from discovery.target import Target
from tenantry_common.contracts import Backend


def page(
    *,
    leading: bool,
    files: Files,
    problems: Sequence[str],
    warnings: Sequence[str],
    targets: Mapping[str, Target],
    backends: Mapping[str, Backend],
    seen: Mapping[str, float],
) -> object:
    """Return `/debug/targets` as JSON values. A target that was not probed yet has no backend.

    `problems` say why what is known may be out of date, `seen` when a target was last ready, in
    seconds since the epoch.
    """
    return {
        "leading": leading,
        "files": [
            {"file": name, "targets": len(file.targets or ()), "problem": file.problem}
            for name, file in files.items()
        ],
        "problems": problems,
        "warnings": warnings,
        "targets": [
            {
                "id": id_,
                "url": target.url,
                "healthy": id_ in backends and backends[id_].healthy,
                "last_seen": _time(seen[id_]) if id_ in seen else None,
                "source": target.source,
                "unready": target.unready,
                "backend": msgspec.to_builtins(backends.get(id_)),
            }
            for id_, target in targets.items()
        ],
    }


def health(
    *, problems: Sequence[str], targets: Mapping[str, Target], backends: Mapping[str, Backend]
) -> object:
    """Return `/health` as JSON values."""
    return {
        "status": "degraded" if problems else "healthy",
        "reason": "; ".join(problems),
        "total_targets": len(targets),
        "healthy_targets": sum(backend.healthy for backend in backends.values()),
    }


def _time(seconds: float) -> str:
    """Return a moment as RFC 3339 writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

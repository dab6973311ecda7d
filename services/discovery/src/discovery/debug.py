"""The page `/debug/targets`: every file, target and backend, and why each is as it is; pure."""

from collections.abc import Mapping, Sequence

import msgspec

from discovery.files import Files
from discovery.target import Target
from tenantry_common.contracts import Backend


def page(
    *,
    leading: bool,
    files: Files,
    warnings: Sequence[str],
    targets: Mapping[str, Target],
    backends: Mapping[str, Backend],
) -> object:
    """Return the page as JSON values. A target that was not probed yet has no backend."""
    return {
        "leading": leading,
        "files": [
            {"file": name, "targets": len(file.targets or ()), "problem": file.problem}
            for name, file in files.items()
        ],
        "warnings": warnings,
        "targets": [
            {
                "id": id_,
                "source": target.source,
                "backend": msgspec.to_builtins(backends.get(id_)),
            }
            for id_, target in targets.items()
        ],
    }

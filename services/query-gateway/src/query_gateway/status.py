"""What the gateway says of itself where clients expect Prometheus to speak; pure.

Grafana decides by these answers which requests it sends. Nothing of a backend is told but the version
of PromQL that queries may count on.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from tenantry_common.contracts import Backend
from tenantry_promql.functions import FUNCTIONS

_OLDEST = "2.42.0"
"""The oldest supported version; what is not known counts as this."""
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")


def build_info(known: Sequence[Backend]) -> dict[str, object]:
    """Return the version on which queries may count: the lowest of all backends."""
    found = [match for one in known if (match := _VERSION.match(one.version))]
    numbers = [tuple(map(int, match.groups())) for match in found]
    version = ".".join(map(str, min(numbers))) if found and len(found) == len(known) else _OLDEST
    return {
        "version": version,
        "revision": "",
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    }


def runtime_info(started: float) -> dict[str, object]:
    """Return since when the gateway runs (`started` in seconds since the epoch)."""
    since = datetime.fromtimestamp(started, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "startTime": since,
        "CWD": "",
        "reloadConfigSuccess": True,
        "lastConfigTime": since,
        "corruptionCount": 0,
        "goroutineCount": 0,
        "GOMAXPROCS": 0,
        "GOGC": "",
        "GODEBUG": "",
        "storageRetention": "",
    }


def features(known: Sequence[Backend]) -> dict[str, dict[str, bool]]:
    """Return what this API can do, in the words of Prometheus' `features` endpoint."""
    newest = bool(known) and all(one.traits.major >= 3 for one in known)
    experimental = bool(known) and all(one.traits.experimental_functions for one in known)
    return {
        "api": {
            "admin": False,
            "exclude_alerts": True,
            "label_values_match": True,
            "lifecycle": False,
            "otlp_write_receiver": False,
            "query_stats": False,
            "query_warnings": True,
            "remote_write_receiver": False,
            "search": newest,
            "time_range_labels": True,
            "time_range_series": True,
        },
        "promql": {"at_modifier": True, "negative_offset": True, "subqueries": True},
        "promql_functions": {
            name: experimental or not function.is_experimental
            for name, function in sorted(FUNCTIONS.items())
        },
    }

"""What PromQL enforcement must know of a server, from its version and its flags; pure.

A trait is claimed only for versions on which it was verified; everything else gets the strictest
value, which costs refusals and never a wrong answer.
"""

import re
from collections.abc import Collection

from tenantry_common.contracts import UpstreamTraits

_UNKNOWN = (0, 0)
_VERSION = re.compile(r"v?(\d+)\.(\d+)")

# label_replace drops native histograms on 2.42 and keeps them on 2.53.3, 3.5.3 and 3.12; between 2.42
# and 2.53 was not verified.
_LABEL_REPLACE_KEEPS_HISTOGRAMS = (2, 53)

# info() confuses series that come and go before 3.7 (prometheus#17134).
_INFO_OVER_UNIONS = (3, 7)

# Names are removed at once unless a flag says otherwise; a later major version may change that.
_MAJORS_WITH_IMMEDIATE_NAME_REMOVAL = (2, 3)

STRICTEST = frozenset({"native-histograms"})
"""Stands for the feature flags of a server that does not tell them."""


def of(version: str, features: Collection[str]) -> UpstreamTraits:
    """Return the traits of a server of `version` that runs with the feature flags `features`.

    What follows from the absence of a flag is not claimed when `features` is `STRICTEST`.
    A server before 2.53 without the flag `native-histograms` refuses to store any, so it has none to
    lose. (One that stored some earlier, with the flag, must not be used without it.)
    """
    number = _number(version)
    without_histograms = number != _UNKNOWN and "native-histograms" not in features
    late_names = "promql-delayed-name-removal" in features
    return UpstreamTraits(
        major=number[0],
        label_replace_keeps_histograms=number >= _LABEL_REPLACE_KEEPS_HISTOGRAMS
        or without_histograms,
        delayed_name_removal=late_names,
        experimental_functions="promql-experimental-functions" in features,
        immediate_name_removal=features is not STRICTEST
        and not late_names
        and number[0] in _MAJORS_WITH_IMMEDIATE_NAME_REMOVAL,
        info_over_unions=number >= _INFO_OVER_UNIONS,
    )


def _number(version: str) -> tuple[int, int]:
    match = _VERSION.match(version)
    return (int(match[1]), int(match[2])) if match else _UNKNOWN

"""Traits are claimed only where they were verified."""

import pytest

from discovery import traits
from tenantry_common.contracts import UpstreamTraits


@pytest.mark.parametrize(
    ("version", "major", "keeps_histograms"),
    [
        pytest.param("2.42.0+ds", 2, False, id="Debian's"),
        pytest.param("2.52.0", 2, False, id="not verified"),
        pytest.param("2.53.3", 2, True, id="the first that was verified"),
        pytest.param("3.12.0", 3, True, id="verified"),
        pytest.param("3.13.0-rc.0", 3, True, id="later"),
        pytest.param("v3.12.0", 3, True, id="with a v"),
        pytest.param("4.0.0", 4, True, id="next major"),
        pytest.param("", 0, False, id="unknown"),
        pytest.param("main-abcdef", 0, False, id="no number"),
    ],
)
def test_a_version_tells_what_it_was_verified_for(
    version: str, major: int, keeps_histograms: bool
) -> None:
    assert traits.of(version, traits.STRICTEST) == UpstreamTraits(
        major=major, label_replace_keeps_histograms=keeps_histograms
    )


@pytest.mark.parametrize(
    ("version", "loses_none"),
    [
        pytest.param("2.42.0+ds", True, id="without the flag nothing is stored that could be lost"),
        pytest.param("", False, id="nothing is claimed of an unknown version"),
    ],
)
def test_a_server_without_native_histograms_loses_none(version: str, loses_none: bool) -> None:
    assert traits.of(version, ()).label_replace_keeps_histograms == loses_none


def test_flags_tell_the_rest() -> None:
    flags = {"promql-delayed-name-removal", "promql-experimental-functions", "exemplar-storage"}

    assert traits.of("3.5.0", flags) == UpstreamTraits(
        major=3,
        label_replace_keeps_histograms=True,
        delayed_name_removal=True,
        experimental_functions=True,
    )

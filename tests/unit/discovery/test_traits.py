"""Traits are claimed only where they were verified."""

from collections.abc import Collection

import pytest

from discovery import traits
from tenantry_common.contracts import UpstreamTraits


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        pytest.param("2.42.0+ds", (2, False), id="Debian's"),
        pytest.param("2.52.0", (2, False), id="not verified"),
        pytest.param("2.53.3", (2, True), id="the first that was verified"),
        pytest.param("3.12.0", (3, True), id="verified"),
        pytest.param("3.13.0-rc.0", (3, True), id="later"),
        pytest.param("v3.12.0", (3, True), id="with a v"),
        pytest.param("4.0.0", (4, True), id="next major"),
        pytest.param("", (0, False), id="unknown"),
        pytest.param("main-abcdef", (0, False), id="no number"),
    ],
)
def test_a_version_tells_what_it_was_verified_for(version: str, expected: tuple[int, bool]) -> None:
    found = traits.of(version, traits.STRICTEST)

    assert (found.major, found.label_replace_keeps_histograms) == expected
    assert not found.delayed_name_removal
    assert not found.experimental_functions


@pytest.mark.parametrize(
    ("version", "loses_none"),
    [
        pytest.param("2.42.0+ds", True, id="without the flag nothing is stored that could be lost"),
        pytest.param("", False, id="nothing is claimed of an unknown version"),
    ],
)
def test_a_server_without_native_histograms_loses_none(version: str, loses_none: bool) -> None:
    assert traits.of(version, ()).label_replace_keeps_histograms == loses_none


@pytest.mark.parametrize(
    ("version", "features", "immediate"),
    [
        pytest.param("2.42.0", (), True, id="2"),
        pytest.param("3.12.0", {"native-histograms"}, True, id="3"),
        pytest.param("3.12.0", {"promql-delayed-name-removal"}, False, id="switched off"),
        pytest.param("3.12.0", traits.STRICTEST, False, id="flags that are not told"),
        pytest.param("4.0.0", (), False, id="a later major version"),
        pytest.param("", (), False, id="unknown"),
    ],
)
def test_names_are_removed_at_once_where_no_flag_says_otherwise(
    version: str, features: Collection[str], immediate: bool
) -> None:
    assert traits.of(version, features).immediate_name_removal == immediate


@pytest.mark.parametrize(
    ("version", "right"),
    [("2.53.3", False), ("3.6.0", False), ("3.7.0", True), ("3.12.0", True), ("", False)],
)
def test_info_is_right_for_unions_from_3_7_on(version: str, right: bool) -> None:
    assert traits.of(version, ()).info_over_unions == right


def test_flags_tell_the_rest() -> None:
    flags = {"promql-delayed-name-removal", "promql-experimental-functions", "exemplar-storage"}

    assert traits.of("3.5.0", flags) == UpstreamTraits(
        major=3,
        label_replace_keeps_histograms=True,
        delayed_name_removal=True,
        experimental_functions=True,
    )

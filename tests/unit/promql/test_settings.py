"""Defaults that others rely on."""

import pytest

from tenantry_promql import Limits, Upstream


def test_the_strictest_upstream_assumes_the_oldest_behaviour() -> None:
    assert Upstream.strictest() == Upstream(
        major=2,
        label_replace_keeps_histograms=False,
        delayed_name_removal=False,
        experimental_functions=True,
        immediate_name_removal=False,
        info_over_unions=False,
    )


def test_limits_are_those_of_the_documentation() -> None:
    limits = Limits()

    assert (limits.query_bytes, limits.depth, limits.pieces, limits.output_bytes) == (
        65_536,
        100,
        64,
        262_144,
    )


def test_settings_can_be_keys_and_cannot_change() -> None:
    assert {Limits(): 1, Upstream.strictest(): 2}[Upstream.strictest()] == 2
    with pytest.raises(AttributeError):
        Limits().pieces = 1  # type: ignore[misc]

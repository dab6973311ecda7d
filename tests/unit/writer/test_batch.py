"""What the headers of a batch say."""

import pytest

from tenantry_common import errors
from writer.batch import Batch, read


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param(
            {
                "Tenantry-Window": "1000-2000",
                "Tenantry-Series": "3",
                "Tenantry-Samples": "9",
                "Tenantry-Schema": "1",
                "Tenantry-Part": "2/3",
                "Tenantry-After": "7",
            },
            Batch(
                window_start_ms=1000,
                window_end_ms=2000,
                series=3,
                samples=9,
                part=2,
                parts=3,
                after=7,
            ),
            id="all there",
        ),
        pytest.param({}, Batch(window_end_ms=0, series=0, samples=0), id="none there"),
        pytest.param(
            {"Tenantry-Window": "x-y", "Tenantry-Series": "-3", "Tenantry-Samples": "²"},
            Batch(window_end_ms=0, series=0, samples=0),
            id="not numbers",
        ),
    ],
)
def test_headers_are_read_as_far_as_they_can_be(headers: dict[str, str], expected: Batch) -> None:
    assert read(headers) == expected


def test_a_newer_schema_is_refused() -> None:
    with pytest.raises(errors.NewerSchema, match="batch has schema 2, this version reads up to 1"):
        read({"Tenantry-Schema": "2"})

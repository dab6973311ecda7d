"""The table of what becomes of each construct."""

import pytest

from query_gateway.shards import table
from tenantry_promql.functions import FUNCTIONS


@pytest.mark.parametrize(
    ("function", "way"),
    [
        ("rate", "pushed"),
        ("timestamp", "pushed"),
        ("abs", "pushed"),
        ("label_replace", "pushed"),
        ("sort", "pushed"),
        ("time", "pushed"),
        ("absent", "merged"),
        ("scalar", "local"),
        ("histogram_quantile", "local"),
        ("histogram_fraction", "refused"),
        ("sort_by_label", "refused"),
        ("info", "refused"),
    ],
)
def test_a_function_has_one_way(function: str, way: str) -> None:
    assert table.way_of_function(function) == way


def test_the_table_names_functions_that_exist() -> None:
    assert set(FUNCTIONS) >= table.LOCAL | table.ELEMENTWISE | table.ORDERING | table.RELABELLING

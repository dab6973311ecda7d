"""The table of functions."""

import pytest

from tenantry_promql.functions import FUNCTIONS, MATRIX, VECTOR, Reading


def names(reading: Reading) -> set[str]:
    return {name for name, function in FUNCTIONS.items() if function.reading is reading}


def test_a_function_of_a_range_never_just_takes_values() -> None:
    ranged = {name for name, function in FUNCTIONS.items() if MATRIX in function.argument_types}

    assert not ranged & names(Reading.VALUES)


def test_functions_that_keep_the_name() -> None:
    assert names(Reading.RANGE_KEEPING_NAME) == {"last_over_time", "first_over_time"}


def test_functions_that_look_at_the_syntax_of_an_instant_selector() -> None:
    assert names(Reading.TIMESTAMP) == {"timestamp", "start_timestamp"}
    assert names(Reading.ABSENT) == {"absent", "absent_over_time"}
    assert names(Reading.INFO) == {"info"}


def test_every_function_of_a_range_has_one_range() -> None:
    for name in names(Reading.RANGE) | names(Reading.RANGE_KEEPING_NAME):
        assert FUNCTIONS[name].argument_types.count(MATRIX) == 1
        assert VECTOR not in FUNCTIONS[name].argument_types


@pytest.mark.parametrize("name", ["integral", "label_keep", "sum", "topk", "Rate", ""])
def test_what_is_not_listed(name: str) -> None:
    assert name not in FUNCTIONS


def test_the_size_of_the_table() -> None:
    assert len(FUNCTIONS) == 89

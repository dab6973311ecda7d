"""The functions of PromQL, Prometheus 2.42 to 3.12, and how each looks at its arguments.

A function that is not listed is refused: it might read data on its own, as info() does.
"""

from enum import Enum
from typing import Literal, NamedTuple

type ValueType = Literal["scalar", "string", "instant vector", "range vector"]

SCALAR: ValueType = "scalar"
STRING: ValueType = "string"
VECTOR: ValueType = "instant vector"
MATRIX: ValueType = "range vector"


class Reading(Enum):
    """What a function does with the syntax of its argument; decides how a union is pushed through it."""

    VALUES = "values"
    """Sees values only: any expression may stand in the argument."""
    RANGE = "range"
    """Maps the range of each series on its own and drops the name."""
    RANGE_KEEPING_NAME = "range keeping name"
    """The same, but keeps the name: last_over_time, first_over_time."""
    TIMESTAMP = "timestamp"
    """Answers otherwise for a selector than for any other expression; drops the name."""
    ABSENT = "absent"
    """Makes output labels of the selector's `=` matchers."""
    INFO = "info"
    """Reads series that no selector of the query names."""


class Function(NamedTuple):
    """A function's signature, as in Prometheus' table of functions.

    `variadic` is 0 for a fixed number of arguments, n where the last argument type may occur from 0
    to n times, -1 where it may occur any number of times.
    """

    name: str
    argument_types: tuple[ValueType, ...]
    variadic: int
    result: ValueType
    reading: Reading
    is_experimental: bool


def _table() -> dict[str, Function]:
    table: dict[str, Function] = {}

    def add(
        names: str,
        *arguments: ValueType,
        variadic: int = 0,
        result: ValueType = VECTOR,
        reading: Reading = Reading.VALUES,
        experimental: bool = False,
    ) -> None:
        for name in names.split():
            table[name] = Function(name, arguments, variadic, result, reading, experimental)

    add(
        "abs acos acosh asin asinh atan atanh ceil cos cosh deg exp floor ln log10 log2 rad", VECTOR
    )
    add("sgn sin sinh sort sort_desc sqrt tan tanh", VECTOR)
    add("histogram_avg histogram_count histogram_sum histogram_stddev histogram_stdvar", VECTOR)
    add("scalar", VECTOR, result=SCALAR)
    add("vector", SCALAR)
    add("pi time", result=SCALAR)
    add("start end step range", result=SCALAR, experimental=True)
    add("clamp", VECTOR, SCALAR, SCALAR)
    add("clamp_max clamp_min", VECTOR, SCALAR)
    add("round", VECTOR, SCALAR, variadic=1)
    add(
        "day_of_month day_of_week day_of_year days_in_month hour minute month year",
        VECTOR,
        variadic=1,
    )
    add("histogram_quantile", SCALAR, VECTOR)
    add("histogram_fraction", SCALAR, SCALAR, VECTOR)
    add("histogram_quantiles", VECTOR, STRING, SCALAR, SCALAR, variadic=9, experimental=True)
    add("label_join", VECTOR, STRING, STRING, STRING, variadic=-1)
    add("label_replace", VECTOR, STRING, STRING, STRING, STRING)
    add("sort_by_label sort_by_label_desc", VECTOR, STRING, variadic=-1, experimental=True)

    per_series = Reading.RANGE
    add("changes delta deriv idelta increase irate rate resets", MATRIX, reading=per_series)
    add("avg_over_time count_over_time max_over_time min_over_time", MATRIX, reading=per_series)
    add(
        "present_over_time stddev_over_time stdvar_over_time sum_over_time",
        MATRIX,
        reading=per_series,
    )
    add("predict_linear", MATRIX, SCALAR, reading=per_series)
    add("quantile_over_time", SCALAR, MATRIX, reading=per_series)
    add("holt_winters", MATRIX, SCALAR, SCALAR, reading=per_series)
    add("mad_over_time", MATRIX, reading=per_series, experimental=True)
    add("ts_of_first_over_time ts_of_last_over_time", MATRIX, reading=per_series, experimental=True)
    add("ts_of_max_over_time ts_of_min_over_time", MATRIX, reading=per_series, experimental=True)
    smoothing = "double_exponential_smoothing"
    add(smoothing, MATRIX, SCALAR, SCALAR, reading=per_series, experimental=True)

    add("last_over_time", MATRIX, reading=Reading.RANGE_KEEPING_NAME)
    add("first_over_time", MATRIX, reading=Reading.RANGE_KEEPING_NAME, experimental=True)
    add("timestamp", VECTOR, reading=Reading.TIMESTAMP)
    add("start_timestamp", VECTOR, reading=Reading.TIMESTAMP, experimental=True)
    add("absent", VECTOR, reading=Reading.ABSENT)
    add("absent_over_time", MATRIX, reading=Reading.ABSENT)
    add("info", VECTOR, VECTOR, variadic=1, reading=Reading.INFO, experimental=True)
    return table


FUNCTIONS = _table()

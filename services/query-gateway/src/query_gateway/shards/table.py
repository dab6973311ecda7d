"""What becomes of every construct of PromQL over several shards: the table of `docs/shards.md`; pure."""

from typing import Literal

from tenantry_promql.functions import FUNCTIONS, VECTOR, Reading

type Way = Literal["pushed", "merged", "local", "refused"]
"""`pushed`: each shard evaluates it for its own series. `merged`: each shard evaluates its part, and
the parts are merged. `local`: computed from a vector that was put together. `refused`."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ELEMENTWISE = _words(
    """
    abs acos acosh asin asinh atan atanh ceil cos cosh deg exp floor ln log10 log2 rad sgn sin sinh sqrt
    tan tanh clamp clamp_max clamp_min round day_of_month day_of_week day_of_year days_in_month hour
    minute month year histogram_avg histogram_count histogram_sum histogram_stddev histogram_stdvar
    """
)
"""Functions that map each element on its own and drop the name: pushed to the shards."""

ORDERING = frozenset(("sort", "sort_desc"))
"""Functions that change nothing but the order: pushed, and done again."""

RELABELLING = frozenset(("label_replace", "label_join"))
"""Functions that can make the labels of different elements equal."""

LOCAL = _words(
    """
    abs ceil floor sqrt sgn deg rad clamp clamp_max clamp_min round sort sort_desc label_replace label_join
    scalar vector absent histogram_quantile
    """
)
"""Functions that give the same bits here as in Prometheus. Logarithms, powers and trigonometry do not:
two libraries differ in their last digit."""

LOCAL_OPERATORS = _words("+ - * / % == != < > <= >= and or unless")
"""The operators of which that is true."""

PUSHED_AGGREGATIONS = {"sum": "sum", "count": "sum", "min": "min", "max": "max", "group": "max"}
"""Aggregations whose parts are aggregated again, and how."""

CHOOSING = frozenset(("topk", "bottomk"))
"""Aggregations that choose elements: those of a shard first, then among all that were chosen."""

GATHERED = frozenset(("stddev", "stdvar", "quantile"))
"""Aggregations that need every value."""

LOCAL_AGGREGATIONS = frozenset((*PUSHED_AGGREGATIONS, *CHOOSING, *GATHERED, "avg", "count_values"))
"""Aggregations over a vector that was put together."""


def way_of_function(name: str) -> Way:
    """Return what becomes of a function whose arguments are per series."""
    function = FUNCTIONS[name]
    if function.reading is Reading.INFO:
        return "refused"
    if function.reading is Reading.ABSENT:
        return "merged"
    if function.reading is not Reading.VALUES or name in ELEMENTWISE:
        return "pushed"
    if name in ORDERING or name in RELABELLING:
        return "pushed"
    if VECTOR not in function.argument_types:
        return "pushed"
    return "local" if name in LOCAL else "refused"

"""Random queries over the whole of PromQL. Most can be evaluated; some are errors on purpose.

One method for each type of expression; `depth` is how many levels there may still be below.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from random import Random

from tests.oracle.promql import spelling, vocabulary
from tests.oracle.promql.vocabulary import DURATIONS

_VALUE = (
    "abs", "ceil", "floor", "exp", "ln", "log2", "sqrt", "sgn", "round", "sin", "deg", "sort", "sort_desc",
    "hour", "day_of_week", "year", "histogram_count", "histogram_sum", "absent", "timestamp", "timestamp",
)  # fmt: skip
_RANGE = (
    "rate", "rate", "increase", "irate", "delta", "idelta", "deriv", "changes", "resets", "avg_over_time",
    "sum_over_time", "min_over_time", "max_over_time", "count_over_time", "last_over_time",
    "last_over_time", "present_over_time", "stddev_over_time", "absent_over_time", "absent_over_time",
)  # fmt: skip
_NEWER = (
    "mad_over_time", "first_over_time", "ts_of_max_over_time", "ts_of_last_over_time",
)  # fmt: skip
_AGGREGATIONS = ("sum", "sum", "avg", "min", "max", "count", "count", "group", "stddev", "stdvar")
_ARITHMETIC = ("+", "-", "*", "/", "%", "^", "atan2")
_COMPARISON = ("==", "!=", ">", "<", ">=", "<=")
_SETS = ("and", "or", "or", "unless")


class Grammar:
    """Draws queries from one source of randomness, over names and labels that are stored."""

    def __init__(
        self, rng: Random, stored: Sequence[Mapping[str, str]], features: Collection[str]
    ) -> None:
        """Take in what the server's feature flags allow: elsewhere it would only be an error."""
        self._rng = rng
        self._stored = stored
        self._newer = "promql-experimental-functions" in features
        self._computed_durations = "promql-duration-expr" in features
        self._extended_ranges = "promql-extended-range-selectors" in features
        self._fills = "promql-binop-fill-modifiers" in features

    def query(self) -> str:
        """Draw a whole query."""
        rng = self._rng
        text = self._pick(
            (30, lambda: self._vector(rng.choice((1, 2, 2, 3, 4)))),
            (2, lambda: self._choice(2)),
            (1, lambda: self._matrix(1)),
            (1, lambda: self._scalar(3)),
        )
        if rng.random() < 0.02:
            return _damaged(rng, text)
        return spelling.varied(rng, text) if rng.random() < 0.2 else text

    def _pick(self, *choices: tuple[float, Callable[[], str]]) -> str:
        (chosen,) = self._rng.choices(
            [one for _, one in choices], [weight for weight, _ in choices]
        )
        return chosen()

    def _vector(self, depth: int) -> str:
        if depth <= 0:
            return self._selector()
        below = depth - 1
        return self._pick(
            (3, self._selector),
            (5, lambda: self._aggregation(below)),
            (5, lambda: self._range_call(below)),
            (3, lambda: self._value_call(below)),
            (3, lambda: self._binary(below)),
            (2, lambda: self._with_scalar(below)),
            (2, lambda: self._sets(below)),
            (1, lambda: self._labels_changed(below)),
            (1, lambda: f"({self._vector(below)})"),
            (0.5, lambda: f"-{self._vector(below)}"),
            (0.5, lambda: f"vector({self._scalar(below)})"),
            (0.5, lambda: self._histogram(below)),
            (0.3 if self._newer else 0, lambda: self._newer_call(below)),
        )

    def _newer_call(self, depth: int) -> str:
        rng = self._rng
        label, vector = rng.choice(vocabulary.GROUPING), self._vector(depth)
        return self._pick(
            (1, lambda: f'sort_by_label({vector}, "{label}")'),
            (1, lambda: f"limit_ratio({rng.choice(('0.3', '-0.7', '1'))}, {vector})"),
        )

    def _selector(self) -> str:
        rng = self._rng
        return vocabulary.selector(rng, self._stored) + vocabulary.modifiers(rng)

    def _matrix(self, depth: int) -> str:
        rng = self._rng
        if depth > 0 and rng.random() < 0.3:
            steps = rng.choice(("", "30s", "1m", "1m", "3m"))
            inner = self._vector(depth - 1)
            return f"({inner})[{rng.choice(DURATIONS[:7])}:{steps}]{vocabulary.modifiers(rng)}"
        selector = vocabulary.selector(rng, self._stored)
        text = f"{selector}[{self._duration()}]{vocabulary.modifiers(rng)}"
        if self._extended_ranges and rng.random() < 0.1:
            text += rng.choice((" anchored", " smoothed"))
        return f"({text})" if rng.random() < 0.05 else text

    def _duration(self) -> str:
        duration = self._rng.choice(DURATIONS)
        if self._computed_durations and self._rng.random() < 0.1:
            return self._rng.choice(
                (f"{duration} * 2", f"{duration} + 90s", f"(1m + {duration}) / 2")
            )
        return duration

    def _scalar(self, depth: int) -> str:
        if depth <= 0:
            return vocabulary.number(self._rng)
        below = depth - 1
        operator = self._rng.choice(_ARITHMETIC)
        return self._pick(
            (4, lambda: vocabulary.number(self._rng)),
            (2, lambda: f"scalar({self._vector(below)})"),
            (1, lambda: f"{self._scalar(below)} {operator} {self._scalar(below)}"),
            (1, lambda: "time()"),
            (1, lambda: f"(1 < bool {self._scalar(below)})"),
        )

    def _aggregation(self, depth: int) -> str:
        rng = self._rng
        arguments = f"({self._vector(depth)})"
        name = rng.choice(_AGGREGATIONS)
        if rng.random() < 0.08:
            name, arguments = "quantile", f"({self._scalar(depth - 1)}, {self._vector(depth)})"
        elif rng.random() < 0.05:
            name, arguments = "count_values", f'("v", {self._selector()})'
        if rng.random() < 0.3:
            return name + arguments
        grouping = f"{rng.choice(('by', 'by', 'without'))} {vocabulary.labels(rng)}"
        return rng.choice((f"{name} {grouping} {arguments}", f"{name}{arguments} {grouping}"))

    def _choice(self, depth: int) -> str:
        """Draw a topk and its like, at the top only: what stands around it could not be compared."""
        rng = self._rng
        name = rng.choice(("topk", "bottomk", "limitk" if self._newer else "topk"))
        grouping = f" by {vocabulary.labels(rng)}" if rng.random() < 0.3 else ""
        return f"{name}{grouping} ({rng.randint(0, 4)}, {self._vector(depth)})"

    def _range_call(self, depth: int) -> str:
        rng = self._rng
        name = rng.choice((*_RANGE, *_NEWER) if self._newer else _RANGE)
        matrix = self._matrix(depth)
        return self._pick(
            (12, lambda: f"{name}({matrix})"),
            (1, lambda: f"quantile_over_time({self._scalar(depth - 1)}, {matrix})"),
            (1, lambda: f"predict_linear({matrix}, {self._scalar(depth - 1)})"),
        )

    def _value_call(self, depth: int) -> str:
        rng = self._rng
        vector = self._vector(depth)
        return self._pick(
            (6, lambda: f"{rng.choice(_VALUE)}({vector})"),
            (1, lambda: f"clamp_max({vector}, {self._scalar(depth - 1)})"),
            (1, lambda: f"clamp({vector}, {self._scalar(depth - 1)}, {self._scalar(depth - 1)})"),
            (1, lambda: f"round({vector}, {self._scalar(depth - 1)})"),
        )

    def _histogram(self, depth: int) -> str:
        rng = self._rng
        if rng.random() < 0.3:
            return f"histogram_quantile({self._scalar(depth - 1)}, {self._vector(depth)})"
        name = rng.choice(("http_request_duration_seconds_bucket", "http_wait_seconds_bucket"))
        text = f"rate({name}[{rng.choice(DURATIONS)}])"
        if rng.random() < 0.6:
            text = f"sum by (le, {rng.choice(vocabulary.GROUPING[:5])}) ({text})"
        return f"histogram_quantile({rng.choice(('0.5', '0.9', '0.99'))}, {text})"

    def _binary(self, depth: int) -> str:
        """Draw a binary operator between vectors whose labels have a chance to match."""
        rng = self._rng
        operator = rng.choice((*_ARITHMETIC, *_COMPARISON))
        if operator in _COMPARISON and rng.random() < 0.3:
            operator += " bool"
        left, right = self._vector(depth), self._vector(depth)
        on = vocabulary.labels(rng)
        if self._fills and rng.random() < 0.1:
            return f"{left} {operator} on {on} fill ({rng.choice(('0', '-1', '2.5'))}) {right}"
        return self._pick(
            (2, lambda: f"{left} {operator} {right}"),
            (1, lambda: f"{left} {operator} {left}"),
            (2, lambda: f"sum by {on} ({left}) {operator} on {on} sum by {on} ({right})"),
            (1, lambda: f"{left} {operator} on {on} {right}"),
            (1, lambda: f"{left} {operator} ignoring {on} {right}"),
            (2, lambda: f"{left} {operator} on {on} group_left max by {on} ({right})"),
            (1, lambda: f"max by {on} ({left}) {operator} on {on} group_right (zone) {right}"),
        )

    def _with_scalar(self, depth: int) -> str:
        operator = self._rng.choice((*_ARITHMETIC, *_COMPARISON))
        vector, scalar = self._vector(depth), self._scalar(depth - 1)
        return self._rng.choice((f"{vector} {operator} {scalar}", f"{scalar} {operator} {vector}"))

    def _sets(self, depth: int) -> str:
        rng = self._rng
        matching = ""
        if rng.random() < 0.4:
            matching = f" {rng.choice(('on', 'ignoring'))} {vocabulary.labels(rng)}"
        return f"{self._vector(depth)} {rng.choice(_SETS)}{matching} {self._vector(depth)}"

    def _labels_changed(self, depth: int) -> str:
        rng = self._rng
        vector, source = self._vector(depth), rng.choice(vocabulary.GROUPING)
        target = rng.choice(("copy", "copy", "job", "zone", "__name__"))
        return self._pick(
            (3, lambda: f'label_replace({vector}, "{target}", "$1", "{source}", "(.*)")'),
            (1, lambda: f'label_replace({vector}, "{target}", "", "", "")'),
            (1, lambda: f'label_join({vector}, "{target}", "-", "{source}", "job")'),
        )


def _damaged(rng: Random, text: str) -> str:
    """Remove, repeat or insert something, so that the query is most likely none any more."""
    start = rng.randrange(len(text))
    end = start + rng.randint(1, 3)
    middle = rng.choice(("", text[start:end] * 2, "(", ")", "{", "[", ",", " or ", '"'))
    return text[:start] + middle + text[end:]

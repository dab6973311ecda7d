"""The order of an instant vector's elements, where the query asks for one."""

from collections.abc import Sequence

from tests.oracle.promql.answers import Answer, Element
from tests.oracle.promql.outermost import outermost

from tenantry_promql.syntax import Aggregation, Call, Node, StringLiteral

_BY_VALUE = frozenset({"sort", "sort_desc"})
_BY_LABEL = frozenset({"sort_by_label", "sort_by_label_desc"})
_BEST_FIRST = frozenset({"topk", "bottomk"})


def is_right(query: str, got: Answer, expected: Answer) -> bool:
    """Whether two vectors of the same elements are sorted alike; equals may stand either way."""
    if got.type != "vector":
        return True
    match outermost(query):
        case Call() as call if call.function.name in _BY_VALUE:
            return _values(got) == _values(expected)
        case Call() as call if call.function.name in _BY_LABEL:
            labels = [label for node in call.arguments[1:] for label in _text(node)]
            left, right = ([_of(one, labels) for one in x.elements] for x in (got, expected))
            # Prometheus' comparison is no order where a label is missing (natsort.Compare of "").
            return left == right or any("" in values for values in left)
        case Aggregation() as choice if choice.op.lower() in _BEST_FIRST and not choice.modifier:
            return _values(got) == _values(expected)
        case _:
            return True


def _text(node: Node) -> list[str]:
    return [node.text[1:-1]] if isinstance(node, StringLiteral) else []


def _of(element: Element, labels: Sequence[str]) -> list[str]:
    return [element.metric.get(label, "") for label in labels]


def _values(answer: Answer) -> list[str]:
    return [
        "0" if value == "-0" else value
        for element in answer.elements
        for _, value in element.points
    ]

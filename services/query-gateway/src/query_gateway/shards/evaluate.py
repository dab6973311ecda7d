"""Compute a plan from what its leaves are worth; pure."""

from collections.abc import Mapping

from query_gateway.shards import aggregation, functions, matching
from query_gateway.shards.frames import Frame, Scalar, as_scalar, as_vector
from query_gateway.shards.plans import (
    Aggregated,
    Applied,
    Combined,
    Fetch,
    Mean,
    Negated,
    Number,
    Plan,
)


def evaluate(plan: Plan, fetched: Mapping[Fetch, Frame], steps: int) -> Frame:
    """Return what a plan is worth, given the merged answers to its leaves.

    Raises EvaluationError where Prometheus would answer with an error, Uncomputable where no exact
    answer can be put together.
    """

    def worth(node: Plan) -> Frame:
        match node:
            case Fetch():
                return fetched[node]
            case Number():
                return Scalar([node.value] * steps)
            case Negated():
                return _negated(worth(node.inner))
            case Mean():
                return aggregation.mean(as_vector(worth(node.sums)), as_vector(worth(node.counts)))
            case Aggregated():
                inner = as_vector(worth(node.inner))
                # Those without a parameter ignore this one.
                parameter = as_scalar(worth(node.parameter or Number(0)))
                return aggregation.aggregate(node.op, node.grouping, inner, parameter)
            case Combined():
                return matching.combine(
                    node.op,
                    worth(node.left),
                    worth(node.right),
                    node.matching,
                    returns_bool=node.returns_bool,
                )
            case Applied():
                arguments = [worth(argument) for argument in node.arguments]
                return functions.apply(node.function, arguments, node.texts, steps)

    return worth(plan)


def _negated(frame: Frame) -> Frame:
    if isinstance(frame, Scalar):
        return Scalar([-value for value in frame.values])
    return functions.mapped(frame, lambda value, _: -value)

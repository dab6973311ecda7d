"""What an expression reads, so that it can be said whether all of it is permitted."""

from collections.abc import Iterator, Sequence

from tenantry_promql.functions import Reading
from tenantry_promql.regexes import holds
from tenantry_promql.syntax import METRIC_NAME, Call, Matcher, Node, Selector, children

_DEFAULT_INFO = Matcher(METRIC_NAME, "=", "target_info")


def reads(node: Node) -> Iterator[tuple[Matcher, ...]]:
    """Yield a selector, as matchers, of at least everything that a tree reads; info() included."""
    if isinstance(node, Selector):
        yield node.matchers
        return
    below = children(node)
    if isinstance(node, Call) and node.function.reading is Reading.INFO:
        yield info_matchers(below[1:])
        below = below[:1]
    for child in below:
        yield from reads(child)


def info_matchers(labels: Sequence[Node]) -> tuple[Matcher, ...]:
    """Return a selector of at least the series that info() reads, given its arguments after the first.

    It reads the info metrics named by the `__name__` matcher of its second argument, target_info by
    default, that also satisfy the other matchers. Versions differ in whether a matcher that accepts
    "" selects, and in which of several names counts; neither is relied on.
    """
    given = labels[0].matchers if labels and isinstance(labels[0], Selector) else ()
    names = [matcher for matcher in given if matcher.label == METRIC_NAME]
    if len(names) > 1:
        return ()
    others = [
        matcher
        for matcher in given
        if matcher.label != METRIC_NAME and not holds(matcher.op, matcher.value, "")
    ]
    return (*(names or [_DEFAULT_INFO]), *others)

"""The rewriting of a tree: what becomes of a selector, depending on where it stands.

A selector is replaced by its pieces joined with `or`. Where a function looks at the syntax of its
argument, the whole call is repeated per piece and the union is taken outside. Everything else is
printed as it was.
"""

from collections.abc import Callable, Sequence
from typing import NoReturn

from tenantry_promql.containment import info_matchers
from tenantry_promql.errors import LimitExceeded, Refused
from tenantry_promql.functions import Reading
from tenantry_promql.pieces import Pieces, absent_text, injected_text
from tenantry_promql.regions import name_regions
from tenantry_promql.rules import RuleSet
from tenantry_promql.settings import Limits, Upstream
from tenantry_promql.splitter import Splitter
from tenantry_promql.syntax import (
    Aggregation,
    Call,
    Chain,
    Node,
    NumberLiteral,
    Paren,
    Selector,
    StringLiteral,
    Subquery,
    children,
    join_chain,
    selectors,
    to_text,
    without_parens,
)
from tenantry_promql.unions import (
    and_chain,
    colliding_union,
    or_tree,
    region_union,
    tagged_union,
)


class Rewriter:
    """Rewrites one query."""

    __slots__ = ("_limits", "_upstream", "splitter")

    def __init__(self, rules: RuleSet, upstream: Upstream, limits: Limits) -> None:
        self._upstream = upstream
        self._limits = limits
        self.splitter = Splitter(rules, upstream, limits)

    def queries(self, tree: Node) -> tuple[str, ...]:
        """Rewrite a whole query.

        The result has more than one element only for a range selector at the top level, which no
        operator can join: their answers, all at one time, form the union by full label set.
        """
        selector = without_parens(tree)
        if isinstance(selector, Selector) and selector.is_range:
            texts = self._texts(selector, self.splitter.split(selector))
            return tuple(self.splitter.whole(_in_parens(tree, text)) for text in texts)
        return (self.splitter.whole(self.render(tree)),)

    def render(self, node: Node) -> str:
        """Print a node with every selector below it rewritten."""
        match node:
            case Selector():
                return self._instant(node)
            case Call():
                return self._call(node)
            case Aggregation():
                # The parameter too: topk(scalar(secret), x) reads data.
                return node.text([self.render(argument) for argument in node.arguments])
            case Chain():
                return join_chain(node, [self.render(operand) for operand in children(node)])
            case Paren():
                return f"({self.render(node.inner)})"
            case Subquery():
                return self.render(node.inner) + node.suffix
            case NumberLiteral() | StringLiteral():
                return node.text

    def _instant(self, selector: Selector) -> str:
        if selector.is_range:
            # The types were checked: it is an argument of a function or the whole query.
            raise Refused("A range selector here", "nothing can use it", "use a function of it")
        pieces = self.splitter.split(selector)
        return self._union(self._texts(selector, pieces), pieces)

    def _texts(self, selector: Selector, pieces: Pieces) -> list[str]:
        return self.splitter.texts(selector, pieces.injected)

    # --- calls

    def _call(self, call: Call) -> str:
        match call.function.reading:
            case Reading.VALUES:
                pass
            case Reading.INFO:
                return self._info(call)
            case _:
                for index, argument in enumerate(call.arguments):
                    selector = without_parens(argument)
                    if isinstance(selector, Selector):
                        return self._pushed(call, index, selector)
        return call.text([self.render(argument) for argument in call.arguments])

    def _pushed(self, call: Call, index: int, selector: Selector) -> str:
        """Rewrite a call that looks at the syntax of its selector: repeat the whole call per piece."""
        pieces = self.splitter.split(selector)
        printed = [
            self.render(argument) if position != index else ""
            for position, argument in enumerate(call.arguments)
        ]

        def copy(text: str) -> str:
            printed[index] = _in_parens(call.arguments[index], text)
            return call.text(printed)

        match call.function.reading:
            case Reading.ABSENT:
                return self._absent(selector, pieces, copy)
            case Reading.RANGE_KEEPING_NAME:
                copies = list(map(copy, self._texts(selector, pieces)))
                return self._union(self.splitter.checked(copies), pieces)
            case reading:
                at_each_step = reading is Reading.TIMESTAMP
                return self._nameless_union(selector, pieces, copy, at_each_step=at_each_step)

    def _absent(self, selector: Selector, pieces: Pieces, copy: Callable[[str], str]) -> str:
        """Theorem 4: a union is absent where all its pieces are; the labels are those of the original."""
        if any(label in pieces.labels for label, op, _ in selector.matchers if op == "="):
            # A second matcher on a pinned label would delete that label from the output.
            raise Refused(
                "absent() of this selector",
                "versions of Prometheus may disagree about whether its value is permitted",
                "write the matcher with =~ instead of =",
            )
        texts = self.splitter.texts(selector, map(absent_text, pieces.rules))
        return and_chain(self.splitter.checked(list(map(copy, texts))))

    def _info(self, call: Call) -> str:
        """info() reads info metrics that no selector names: only where all of them are permitted."""
        series, *labels = call.arguments
        if not self.splitter.pieces(info_matchers(labels))[0].is_unrestricted:
            raise Refused(
                "info()",
                "it reads info metrics that are not all permitted to you",
                "join the info metric by hand: x * on (instance, job) group_left (…) target_info",
            )
        if not self._upstream.info_over_unions and self._splits(series):
            raise Refused(
                "info() of a selector that has to be split",
                "the Prometheus behind this gateway would confuse its parts",
                "add matchers so that one of your permissions covers what it selects",
            )
        # The second argument is not restricted: its matchers choose labels, not series.
        return call.text([self.render(series), *map(to_text, labels)])

    def _splits(self, node: Node) -> bool:
        found = (self.splitter.pieces(selector.matchers)[0] for selector in selectors(node))
        return any(len(pieces.rules) > 1 for pieces in found)

    # --- unions

    def _union(self, texts: Sequence[str], pieces: Pieces) -> str:
        """Join vectors that carry their names: in order (Theorem 1), else by name tags (Theorem 2)."""
        if pieces.in_order:
            return or_tree(texts)
        self._needs_label_replace()
        return tagged_union(texts)

    def _nameless_union(
        self, selector: Selector, pieces: Pieces, copy: Callable[[str], str], *, at_each_step: bool
    ) -> str:
        """Join calls that drop the name: in order (Theorem 3), else by name regions (Theorem 5).

        `at_each_step` says whether the function looks at each step alone for what collides without
        its name, as timestamp() does, or at the whole range, as functions of ranges do.
        """
        if pieces.in_order:
            copies = list(map(copy, self._texts(selector, pieces)))
            return or_tree(self.splitter.checked(copies))
        late = self._upstream.delayed_name_removal
        if not late and not self._upstream.immediate_name_removal:
            _refuse_names("it is not known when the Prometheus behind this gateway removes names")
        self._needs_label_replace()
        regions = name_regions(pieces.rules, self._limits.pieces)
        if regions is None:
            raise LimitExceeded(
                "A function of this many sets of metric names",
                "pieces",
                self._limits.pieces,
                "name one metric",
            )
        unions = [
            or_tree(list(map(copy, self.splitter.texts(selector, map(injected_text, region)))))
            for region in regions
        ]
        self.splitter.checked(unions)
        return region_union(unions) if late else colliding_union(unions, at_each_step=at_each_step)

    def _needs_label_replace(self) -> None:
        if not self._upstream.label_replace_keeps_histograms:
            _refuse_names("the Prometheus behind this gateway would lose native histograms")


def _refuse_names(why: str) -> NoReturn:
    raise Refused("A selector of several metric names", why, "name one metric")


def _in_parens(original: Node, text: str) -> str:
    """Put the parentheses of the original around a text: absent((x)) and absent(x) differ."""
    while isinstance(original, Paren):
        text = f"({text})"
        original = original.inner
    return text

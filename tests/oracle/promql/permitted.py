"""What a tenant may see, decided once more and in the plainest way, to check the library by.

It shares the RE2 library with what it checks, and nothing else.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import re2

from tenantry_promql import Matcher

type Rule = tuple[Matcher, ...]

_OPTIONS = re2.Options()
_OPTIONS.dot_nl = True
_OPTIONS.log_errors = False


def is_permitted(labels: Mapping[str, str], rules: Sequence[Rule]) -> bool:
    """Say whether some rule accepts the labels; a label that is not there has the value ""."""
    for rule in rules:
        for label, op, operand in rule:
            if not _accepts(op, operand, labels.get(label, "")):
                break
        else:
            return True
    return False


@lru_cache(maxsize=65_536)
def _accepts(op: str, operand: str, value: str) -> bool:
    if op == "=":
        return value == operand
    if op == "!=":
        return value != operand
    matched = re2.compile(operand, _OPTIONS).fullmatch(value) is not None
    return matched if op == "=~" else not matched

"""What is demanded of the labels of a pushed series, each check one small function; pure.

A check returns the reason for which the series is rejected, or None. `of` composes them; what becomes
of permitted series after that is the business of `verdicts`.
"""

from collections.abc import Callable, Mapping, Sequence

from receiver.refusal import Reason
from tenantry_common import label_steps
from tenantry_common.contracts import PushPolicy

type Labels = Mapping[str, str]
type Check = Callable[[Labels], Reason | None]

LONGEST = 255
"""Bytes of a label's name, and of its value, as openshift/telemeter has it."""

MOST_LABELS = 128


def named(labels: Labels) -> Reason | None:
    """A series has a name."""
    return None if labels.get(label_steps.NAME) else Reason.NO_NAME


def short(labels: Labels) -> Reason | None:
    """No name and no value of a label is longer than `LONGEST` bytes."""
    for name, value in labels.items():
        if len(name.encode()) > LONGEST or len(value.encode()) > LONGEST:
            return Reason.TOO_LONG
    return None


def few(labels: Labels) -> Reason | None:
    """A series has at most `MOST_LABELS` labels."""
    return Reason.TOO_MANY_LABELS if len(labels) > MOST_LABELS else None


def required(names: Sequence[str]) -> Check:
    """Return the check that these labels are there."""
    return lambda labels: Reason.MISSING_LABEL if label_steps.missing(labels, names) else None


def of(policy: PushPolicy) -> Check:
    """Return all checks as one; the first that fails gives the reason."""
    checks: list[Check] = [named, few, short, required(policy.required)]

    def check(labels: Labels) -> Reason | None:
        return next((found for one in checks if (found := one(labels)) is not None), None)

    return check

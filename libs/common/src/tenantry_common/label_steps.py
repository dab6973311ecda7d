"""What becomes of a permitted series' labels on its way out or in: small steps, composed; pure.

The receiver applies them to what clusters push and the collector to what it reads, both through
`compile`, in the order: elide, add, rename, anonymise. A step takes a label set and returns a new
one; an empty value means that the label is absent, as everywhere in Prometheus.

Steps can make two series equal: `elide` where only the elided label told them apart, `rename` where
two names become one. Which samples were whose cannot be told then, so whoever applies the steps
keeps the first of such series and drops the others, and counts them: the collector as collisions
(`collector.encode`), the receiver as duplicates inside a push.
"""

import base64
import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence

from tenantry_common.contracts import LabelSteps, Problem

NAME = "__name__"
_DIGEST_BYTES = 9
_REMEMBERED_VALUES = 1 << 16

type Labels = Mapping[str, str]
type Step = Callable[[Labels], dict[str, str]]
"""Return the labels after the step; the labels that go in are left as they are."""


def elide(names: Iterable[str]) -> Step:
    """Return the step that drops the labels of these names."""
    dropped = frozenset(names)
    return lambda labels: {name: labels[name] for name in labels if name not in dropped}


def add(added: Labels, *, honor: bool = False) -> Step:
    """Return the step that sets labels; with `honor` the series' own label of that name stays."""
    fixed = _present(added)
    if honor:
        return lambda labels: {**fixed, **_present(labels)}
    return lambda labels: {**labels, **fixed}


def rename(names: Mapping[str, str]) -> Step:
    """Return the step that gives metrics their new names, old to new; it looks at each name once."""
    new_names = dict(names)

    def step(labels: Labels) -> dict[str, str]:
        renamed = dict(labels)
        if (new := new_names.get(renamed.get(NAME, ""))) is not None:
            renamed[NAME] = new
        return renamed

    return step


def anonymise(names: Iterable[str], salt: bytes) -> Step:
    """Return the step that replaces the values of these labels by salted digests.

    Equal values stay equal, so that series can still be joined on them. Empty values stay empty.
    """
    secret = frozenset(names)
    digest = functools.lru_cache(maxsize=_REMEMBERED_VALUES)(lambda value: digested(value, salt))

    def step(labels: Labels) -> dict[str, str]:
        return {
            name: digest(value) if name in secret and value else value
            for name, value in labels.items()
        }

    return step


def digested(value: str, salt: bytes) -> str:
    """Return twelve characters that stand for `value`, as openshift/telemeter makes them."""
    digest = hashlib.sha256(salt + value.encode()).digest()[:_DIGEST_BYTES]
    return base64.urlsafe_b64encode(digest).decode()  # nine bytes need no padding


def missing(labels: Labels, required: Iterable[str]) -> tuple[str, ...]:
    """Return which of the `required` labels a series does not have, or has with an empty value."""
    return tuple(name for name in required if not labels.get(name))


def salt_of(text: str) -> bytes:
    """Return the salt that a file or a Secret holds: without the white space around it."""
    return text.strip().encode()


def compile(  # as `re.compile`: the module says of what
    steps: LabelSteps, salt: bytes = b"", *, added: Labels | None = None, honor: bool = False
) -> Step:
    """Return all steps as one; `added` labels are set after eliding and before anonymising.

    The labels come out sorted by name and without empty values. Raises ValueError for steps that
    `validate` finds fault with, and where values are to be anonymised without a salt: an unsalted
    digest of an address is found by trying all addresses.
    """
    if problems := validate(steps, "$"):
        raise ValueError(f"{problems[0].path}: {problems[0].message}")
    if steps.anonymise and not salt:
        raise ValueError("labels are to be anonymised and the salt is empty")
    chain: list[Step] = []
    if steps.elide:
        chain.append(elide(steps.elide))
    if added:
        chain.append(add(added, honor=honor))
    if steps.rename:
        chain.append(rename(steps.rename))
    if steps.anonymise:
        chain.append(anonymise(steps.anonymise, salt))
    return _composed(chain)


def _composed(chain: Sequence[Step]) -> Step:
    def apply(labels: Labels) -> dict[str, str]:
        for step in chain:
            labels = step(labels)
        return {name: labels[name] for name in sorted(labels) if labels[name]}

    return apply


def validate(steps: LabelSteps, path: str) -> tuple[Problem, ...]:
    """Return what is wrong with `steps`; `path` is where they stand.

    A series keeps a name that is one: the name is neither elided nor made a digest.
    """
    found = [
        *_name_problems(steps.elide, f"{path}.elide", "would leave series without a name"),
        *_name_problems(
            steps.anonymise, f"{path}.anonymise", "would make names of metrics digests"
        ),
        *(
            Problem(path=f"{path}.rename.{old}", message="a metric's name is empty")
            for old, new in steps.rename.items()
            if not (old and new)
        ),
    ]
    if steps.anonymise and steps.salt is None:
        found.append(Problem(path=f"{path}.salt", message="anonymise needs a salt"))
    return tuple(found)


def _name_problems(names: Sequence[str], path: str, why_not: str) -> Iterable[Problem]:
    for index, name in enumerate(names):
        if name in {"", NAME}:
            message = f"{NAME} {why_not}" if name else "a label name is empty"
            yield Problem(path=f"{path}[{index}]", message=message)


def _present(labels: Labels) -> dict[str, str]:
    return {name: value for name, value in labels.items() if value}

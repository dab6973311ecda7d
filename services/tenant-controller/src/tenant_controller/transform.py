"""Whether `spec.transform` makes sense, and the steps that it means; pure."""

from collections.abc import Iterator

from tenant_controller import names
from tenant_controller.metric_access import Transform
from tenantry_common import label_steps
from tenantry_common.contracts import LabelSteps, Problem, SecretRef

PATH = "$.spec.transform"


def steps(written: Transform | None) -> LabelSteps:
    """Return the steps; none for an object without them."""
    if written is None:
        return LabelSteps()
    salt = written.salt
    return LabelSteps(
        elide=written.elide,
        rename=written.rename,
        anonymise=written.anonymise,
        salt=None if salt is None else SecretRef(name=salt.name, key=salt.key),
    )


def problems(written: Transform) -> Iterator[Problem]:
    """Yield everything that is wrong with the steps."""
    yield from label_steps.validate(steps(written), PATH)
    for field in ("elide", "anonymise"):
        for number, name in enumerate(getattr(written, field)):
            if name and not names.is_label_name(name):
                path = f"{PATH}.{field}[{number}]"
                yield Problem(path=path, message=f"{name!r} is not a label name")
    for name in sorted(set(written.elide) & set(written.anonymise)):
        path = f"{PATH}.anonymise[{written.anonymise.index(name)}]"
        message = f"{name} is elided before, so there is nothing to anonymise"
        yield Problem(path=path, message=message, severity="warning")
    if written.salt is not None and not written.anonymise:
        message = "is not used, because anonymise names no label"
        yield Problem(path=f"{PATH}.salt", message=message, severity="warning")

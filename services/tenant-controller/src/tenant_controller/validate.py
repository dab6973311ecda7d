"""Decide whether a document is a valid MetricAccess, and report everything that is not; pure.

An object with an error grants nothing and delivers nothing; warnings are only told.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from tenant_controller import delivery, names, push, rules, structure, transform
from tenant_controller.metric_access import API_VERSION, KIND, MetricAccess, Spec
from tenantry_common.contracts import Problem

_LONGEST_ERROR = 200


@dataclass(frozen=True, eq=False)  # compared by identity: results are remembered by object
class Validated:
    """What a document turned out to be."""

    namespace: str
    """As written, and so is the name; empty when there is none."""
    name: str
    access: MetricAccess | None
    """The object; None when there is an error among the problems."""
    granted: tuple[rules.Rule, ...]
    """What it grants, item by item; nothing when there is an error."""
    problems: tuple[Problem, ...]

    @property
    def full_name(self) -> str:
        """`namespace/name`, or what of it there is."""
        return _full_name(self.namespace, self.name)


def validate(document: object) -> Validated:
    """Return the MetricAccess that `document` (plain values) is, and all problems of it.

    An object that makes our own code fail grants nothing, as any other that cannot be understood:
    it must not keep those from taking effect that can.
    """
    try:
        return _validate(document)
    except Exception as error:  # see above; the object is told, its name says which one it was
        namespace, name = _metadata(document, "namespace"), _metadata(document, "name")
        message = f"cannot be checked: {type(error).__name__}: {str(error)[:_LONGEST_ERROR]}"
        object_ = _full_name(namespace, name)
        problem = Problem(path="$.spec", message=message, object=object_)
        return Validated(namespace, name, None, (), (problem,))


def _validate(document: object) -> Validated:
    access, structural = structure.check(document, MetricAccess)
    problems = list(structural)
    granted = rules.Granted((), ())
    if access is not None:
        granted = rules.of(access.spec, access.metadata.namespace)
        meaning = (
            *_identity(access),
            *granted.problems,
            *_clusters(access.spec),
            *_delivery(access),
        )
        problems += (p for p in meaning if not structure.hides(structural, p))
    namespace, name = _metadata(document, "namespace"), _metadata(document, "name")
    object_ = _full_name(namespace, name)
    told = tuple(msgspec.structs.replace(problem, object=object_) for problem in problems)
    if access is None or any(problem.severity == "error" for problem in told):
        return Validated(namespace, name, None, (), told)
    rules_ = tuple(rule for rule in granted.rules if rule is not None)
    return Validated(namespace, name, access, rules_, told)


def _identity(access: MetricAccess) -> Iterator[Problem]:
    if access.api_version != API_VERSION:
        message = f"{access.api_version!r} is not known; write {API_VERSION}"
        yield Problem(path="$.apiVersion", message=message)
    if access.kind != KIND:
        yield Problem(path="$.kind", message=f"{access.kind!r} is not {KIND}")
    if not names.is_dns_subdomain(access.metadata.name):
        message = f"{access.metadata.name!r} is not the name of an object"
        yield Problem(path="$.metadata.name", message=message)
    if not names.is_dns_label(access.metadata.namespace):
        message = f"{access.metadata.namespace!r} is not the name of a namespace"
        yield Problem(path="$.metadata.namespace", message=message)


def _clusters(spec: Spec) -> Iterator[Problem]:
    if spec.clusters is None:
        return
    path = "$.spec.clusters"
    if not spec.clusters or not all(spec.clusters):
        yield Problem(path=path, message="name at least one cluster, or leave it out")
    if spec.push is not None or (spec.remote_write is not None and spec.remote_write.enabled):
        message = (
            "what is limited to clusters cannot be delivered; write an object of its own for it"
        )
        yield Problem(path=path, message=message)


def _delivery(access: MetricAccess) -> Iterator[Problem]:
    if access.spec.push is not None:
        yield from push.problems(access.spec)
    if access.spec.remote_write is not None:
        yield from delivery.problems(access.spec.remote_write)
    if access.spec.transform is not None:
        yield from transform.problems(access.spec.transform)


def _metadata(document: object, field: str) -> str:
    metadata = document.get("metadata") if isinstance(document, dict) else None
    value = metadata.get(field) if isinstance(metadata, dict) else None
    return value if isinstance(value, str) else ""


def _full_name(*parts: str) -> str:
    return "/".join(filter(None, parts))

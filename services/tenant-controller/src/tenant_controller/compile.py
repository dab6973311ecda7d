"""Compile what is valid into what is published: a policy per tenant, a job per delivery; pure."""

import functools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from tenant_controller import delivery, endpoints, names, push, transform
from tenant_controller.boundary import Labels
from tenant_controller.catalogue import Catalogue, Entry
from tenant_controller.findings import Finding, in_order
from tenant_controller.metric_access import MetricAccess, RemoteWrite, Spec
from tenant_controller.platform_settings import Platform
from tenant_controller.validate import Validated
from tenantry_common import contracts, duration
from tenantry_common.contracts import (
    DeliveryJob,
    LimitedRules,
    Matcher,
    Problem,
    RuleMatchers,
    TenantPolicy,
)
from tenantry_common.subjects import JobRef
from tenantry_promql import RuleError, RuleSet, format_selector

_MOST_PROBLEMS = 50
_LARGEST_MESSAGE = 700_000  # bytes; NATS takes 1 MiB by default
_LONGEST_SHOWN = 300
_REMEMBERED = 32_768  # objects, and tenants


@dataclass(frozen=True, eq=False)  # compared by identity, as `Entry`
class Compiled:
    """One object with what became of it."""

    entry: Entry
    permitted: RuleSet
    """What it grants, within the boundaries."""
    job: DeliveryJob | None
    findings: tuple[Finding, ...]
    """Everything wrong with it, found here or before."""
    bounded: bool
    """Whether a boundary covers its namespace."""
    cuts: tuple[Problem, ...]
    """What the boundaries leave of each rule that they narrow."""

    @property
    def is_valid(self) -> bool:
        """Whether it takes effect."""
        return self.entry.validated.access is not None


@dataclass(frozen=True)
class Desired:
    """What is to be published, and everything that people are to be told."""

    policies: Mapping[str, TenantPolicy]
    jobs: Mapping[JobRef, DeliveryJob]
    objects: tuple[Compiled, ...]
    findings: tuple[Finding, ...]


NOTHING = Desired({}, {}, (), ())


def everything(
    catalogue: Catalogue, platform: Platform, labels: Mapping[str, Labels] | None = None
) -> Desired:
    """Return what the objects of `catalogue` mean on `platform`; `labels` are the namespaces'.

    A namespace all of whose objects are broken has a policy that permits nothing and says why.
    """
    known = labels or {}
    objects = tuple(
        one(entry, platform, known.get(entry.validated.namespace)) for entry in catalogue.entries
    )
    by_tenant = defaultdict(list)
    for compiled in objects:
        if names.is_dns_label(compiled.entry.validated.namespace):
            by_tenant[compiled.entry.validated.namespace].append(compiled)
    policies = {tenant: _policy(tenant, tuple(own)) for tenant, own in by_tenant.items()}
    jobs = {JobRef(c.job.tenant, c.job.name): c.job for c in objects if c.job is not None}
    findings = (*catalogue.findings, *(f for c in objects for f in c.findings))
    return Desired(policies, jobs, objects, in_order(findings))


@functools.lru_cache(maxsize=_REMEMBERED)  # everything is compiled again when one object changes
def one(entry: Entry, platform: Platform, labels: Labels | None = None) -> Compiled:
    """Return what one object means on `platform`, in a namespace with `labels`.

    An object that makes our own code fail grants nothing, and keeps no other from taking effect.
    """
    try:
        return _one(entry, platform, labels)
    except Exception as error:  # see above; the object is told
        refused = entry.validated
        problem = Problem(
            path="$.spec",
            message=f"cannot be compiled: {type(error).__name__}: {str(error)[:_LONGEST_SHOWN]}",
            object=refused.full_name,
        )
        told = (*refused.problems, problem)
        broken = Entry(entry.located, Validated(refused.namespace, refused.name, None, (), told))
        return Compiled(broken, RuleSet(()), None, broken.findings, False, ())


def _one(entry: Entry, platform: Platform, labels: Labels | None) -> Compiled:
    validated = entry.validated
    access = validated.access
    limits = platform.boundaries
    permitted = limits.narrow(RuleSet(validated.granted), validated.namespace, labels)
    bounded = bool(limits.covering(validated.namespace, labels))
    cuts = tuple(_cut(entry, platform, labels)) if bounded else ()
    problems = list(cuts)
    job = None
    if access is not None and (access.spec.push is not None or _delivered(access.spec)):
        made = _job(access, permitted, platform)
        if isinstance(made, Problem):
            problems.append(made)
        else:
            job = made
    found = (
        entry.located.finding(msgspec.structs.replace(problem, object=validated.full_name))
        for problem in problems
    )
    return Compiled(entry, permitted, job, (*entry.findings, *found), bounded, cuts)


def _cut(entry: Entry, platform: Platform, labels: Labels | None) -> Iterator[Problem]:
    """Yield, for each rule, what the boundaries leave of it when that is not all."""
    for number, rule in enumerate(entry.validated.granted):
        written = RuleSet([rule])
        left = platform.boundaries.narrow(written, entry.validated.namespace, labels)
        if left != written:
            shown = " or ".join(map(format_selector, left.rules))
            short = shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"
            yield Problem(
                path=f"$.spec.metrics[{number}]",
                message=f"the platform's boundary leaves {short or 'nothing'} of this",
                severity="warning",
            )


def _delivered(spec: Spec) -> RemoteWrite | None:
    """Return the delivery that is asked for."""
    written = spec.remote_write
    return written if written is not None and written.enabled else None


def _job(
    access: MetricAccess, permitted: RuleSet, platform: Platform
) -> DeliveryJob | Problem | None:
    """Return the job, why there is none, or None when nothing could be delivered.

    What clusters push is a job even if nothing of it is permitted: they are to be answered.
    """
    spec, tenant = access.spec, access.metadata.namespace
    if permitted.is_empty and spec.push is None:
        return None
    remote_write = _delivered(spec)
    found = endpoints.of(remote_write, tenant, platform.network) if remote_write else ()
    if isinstance(found, Problem):
        return found
    policy = push.policy(spec.push) if spec.push else None
    job = DeliveryJob(
        tenant=tenant,
        name=access.metadata.name,
        digest="",
        rules=_matchers(permitted),
        interval_ms=policy.interval_ms if policy else 0,
        lookback_ms=0,
        steps=transform.steps(spec.transform),
        push=policy,
    )
    if remote_write is not None:
        job = msgspec.structs.replace(
            job,
            interval_ms=duration.milliseconds(remote_write.interval) or 0,
            lookback_ms=duration.milliseconds(remote_write.lookback) or 0,
            collection=remote_write.collection,
            protocol=remote_write.protocol,
            extra_labels=remote_write.extra_labels,
            honor_labels=remote_write.honor_labels,
            relabelings=delivery.relabel_rules(remote_write),
            endpoints=found,
        )
    job = msgspec.structs.replace(job, digest=_digest(job))
    if (size := len(contracts.encode(job))) > _LARGEST_MESSAGE:
        message = f"compiles to {size} bytes, more than {_LARGEST_MESSAGE}: nothing is delivered"
        return Problem(path="$.spec", message=message)
    return job


def _digest(job: DeliveryJob) -> str:
    """Return the digest of everything that decides which bytes are produced for `job`."""
    return contracts.digest(
        (
            job.rules,
            job.relabelings,
            sorted(job.extra_labels.items()),
            job.honor_labels,
            job.collection,
            # Jobs without what came later keep the digest that they had.
            *((job.steps,) if job.steps != contracts.LabelSteps() else ()),
            *((job.push,) if job.push is not None else ()),
        )
    )


@functools.lru_cache(maxsize=_REMEMBERED)
def _policy(tenant: str, objects: tuple[Compiled, ...]) -> TenantPolicy:
    objects = tuple(sorted(objects, key=lambda c: c.entry.validated.name))
    try:
        permitted = _united([c for c in objects if not _clusters(c)])
        limited = tuple(_limited(objects))
    except RuleError as error:
        message = f"the rules of all objects cannot be united: {str(error)[:_LONGEST_SHOWN]}"
        return _nothing(tenant, message)
    problems = sorted(
        (finding.problem for c in objects for finding in c.findings),
        key=lambda problem: (problem.severity, problem.object),  # errors first
    )
    policy = TenantPolicy(
        tenant=tenant,
        digest=permitted.digest,
        rules=_matchers(permitted),
        limited=limited,
        objects=tuple(c.entry.validated.name for c in objects if c.is_valid),
        problems=tuple(problems[:_MOST_PROBLEMS]),
    )
    if (size := len(contracts.encode(policy))) <= _LARGEST_MESSAGE:
        return policy
    message = f"the rules of all objects compile to {size} bytes, more than {_LARGEST_MESSAGE}"
    return _nothing(tenant, message)


def _clusters(compiled: Compiled) -> tuple[str, ...]:
    """Return the clusters to which an object is limited; none where it is not."""
    access = compiled.entry.validated.access
    return tuple(sorted(set(access.spec.clusters or ()))) if access is not None else ()


def _limited(objects: Sequence[Compiled]) -> Iterator[LimitedRules]:
    by_clusters = defaultdict(list)
    for compiled in objects:
        if clusters := _clusters(compiled):
            by_clusters[clusters].append(compiled)
    for clusters, own in sorted(by_clusters.items()):
        permitted = _united(own)
        if not permitted.is_empty:
            yield LimitedRules(clusters=clusters, rules=_matchers(permitted))


def _united(objects: Sequence[Compiled]) -> RuleSet:
    if len(objects) == 1:
        return objects[0].permitted
    return RuleSet(rule for c in objects for rule in c.permitted.rules)


def _nothing(tenant: str, message: str) -> TenantPolicy:
    problem = Problem(path="$.spec.metrics", message=message, object=tenant)
    nothing = RuleSet(())
    return TenantPolicy(tenant=tenant, digest=nothing.digest, rules=(), problems=(problem,))


def _matchers(permitted: RuleSet) -> tuple[RuleMatchers, ...]:
    return tuple(tuple(Matcher(*matcher) for matcher in rule) for rule in permitted.rules)

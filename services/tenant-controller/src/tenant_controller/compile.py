"""Compile what is valid into what is published: a policy per tenant, a job per delivery; pure."""

import functools
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from tenant_controller import delivery, endpoints, names, transform
from tenant_controller.boundary import Labels
from tenant_controller.catalogue import Catalogue, Entry
from tenant_controller.findings import Finding, in_order
from tenant_controller.metric_access import RemoteWrite
from tenant_controller.platform_settings import Platform
from tenant_controller.validate import Validated
from tenantry_common import contracts, duration
from tenantry_common.contracts import DeliveryJob, Matcher, Problem, RuleMatchers, TenantPolicy
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
    remote_write = access.spec.remote_write if access else None
    if remote_write is not None and remote_write.enabled:
        made = _job(entry, remote_write, permitted, platform)
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


def _job(
    entry: Entry, remote_write: RemoteWrite, permitted: RuleSet, platform: Platform
) -> DeliveryJob | Problem | None:
    """Return the job, why there is none, or None when nothing could be delivered."""
    if permitted.is_empty:
        return None
    found = endpoints.of(remote_write, entry.validated.namespace, platform.network)
    if isinstance(found, Problem):
        return found
    relabelings = delivery.relabel_rules(remote_write)
    rules = _matchers(permitted)
    access = entry.validated.access
    steps = transform.steps(access.spec.transform if access else None)
    job = DeliveryJob(
        tenant=entry.validated.namespace,
        name=entry.validated.name,
        digest=contracts.digest(
            (
                rules,
                relabelings,
                sorted(remote_write.extra_labels.items()),
                remote_write.honor_labels,
                remote_write.collection,
                *((steps,) if steps != contracts.LabelSteps() else ()),
            )
        ),
        rules=rules,
        interval_ms=duration.milliseconds(remote_write.interval) or 0,
        lookback_ms=duration.milliseconds(remote_write.lookback) or 0,
        collection=remote_write.collection,
        protocol=remote_write.protocol,
        extra_labels=remote_write.extra_labels,
        honor_labels=remote_write.honor_labels,
        relabelings=relabelings,
        steps=steps,
        endpoints=found,
    )
    if (size := len(contracts.encode(job))) > _LARGEST_MESSAGE:
        message = f"compiles to {size} bytes, more than {_LARGEST_MESSAGE}: nothing is delivered"
        return Problem(path="$.spec", message=message)
    return job


@functools.lru_cache(maxsize=_REMEMBERED)
def _policy(tenant: str, objects: tuple[Compiled, ...]) -> TenantPolicy:
    objects = tuple(sorted(objects, key=lambda c: c.entry.validated.name))
    try:
        permitted = _united(objects)
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
        objects=tuple(c.entry.validated.name for c in objects if c.is_valid),
        problems=tuple(problems[:_MOST_PROBLEMS]),
    )
    if (size := len(contracts.encode(policy))) <= _LARGEST_MESSAGE:
        return policy
    message = f"the rules of all objects compile to {size} bytes, more than {_LARGEST_MESSAGE}"
    return _nothing(tenant, message)


def _united(objects: tuple[Compiled, ...]) -> RuleSet:
    if len(objects) == 1:
        return objects[0].permitted
    return RuleSet(rule for c in objects for rule in c.permitted.rules)


def _nothing(tenant: str, message: str) -> TenantPolicy:
    problem = Problem(path="$.spec.metrics", message=message, object=tenant)
    nothing = RuleSet(())
    return TenantPolicy(tenant=tenant, digest=nothing.digest, rules=(), problems=(problem,))


def _matchers(permitted: RuleSet) -> tuple[RuleMatchers, ...]:
    return tuple(tuple(Matcher(*matcher) for matcher in rule) for rule in permitted.rules)

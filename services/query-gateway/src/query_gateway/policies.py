"""What each tenant may see: the newest policies, compiled, and whether they can be trusted still."""

import functools
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import tenantry_promql as promql
from query_gateway.failures import Failure
from query_gateway.permission import Limited, Permission
from tenantry_common import contracts, logs, subjects

_log = logging.getLogger(__name__)


_token = functools.lru_cache(maxsize=4096)(subjects.token)


class Source(Protocol):
    """Where policies are read; `kv.KvView[TenantPolicy]` is one."""

    @property
    def snapshot(self) -> Mapping[str, contracts.TenantPolicy]:
        """The policies that can be read, by key."""
        ...

    @property
    def refused(self) -> Mapping[str, str]:
        """Why the others cannot be read, by key."""
        ...

    @property
    def version(self) -> int:
        """0 until the policies have been read once."""
        ...

    def seconds_unconfirmed(self) -> float:
        """Return for how long nothing has vouched for the snapshot."""
        ...


@dataclass(frozen=True)
class _Compiled:
    policy: contracts.TenantPolicy
    permission: Permission


class Policies:
    """Look up a tenant's rules. A change counts from the next look-up on."""

    def __init__(self, source: Source, stale_seconds: float) -> None:
        self._source = source
        self._stale_seconds = stale_seconds
        self._compiled: dict[str, _Compiled] = {}
        self._throttle = logs.Throttle(60)

    def permission_of(self, tenant: str) -> Permission:
        """Return what `tenant` may see, possibly nothing.

        Raises `Failure`: the tenant is unknown, or nobody can say now what it may see.
        """
        if reason := self.unusable():
            raise Failure("policies", reason)
        key = _token(tenant)
        policy = self._source.snapshot.get(key)
        if policy is None and key not in self._source.refused:
            self._compiled.pop(key, None)
            raise Failure("forbidden", f'the tenant "{tenant}" is not known')
        if policy is None or policy.tenant != tenant:
            raise Failure("policies", "the policy of this tenant cannot be read")
        return self._permission(key, policy)

    def unusable(self) -> str:
        """Return why no policy can be used now, or the empty string."""
        if self._source.version == 0:
            return "the policies have not been read yet"
        if self._source.seconds_unconfirmed() > self._stale_seconds:
            return (
                "the policies could not be confirmed for more than "
                f"{self._stale_seconds:g} s (policies_stale_seconds)"
            )
        return ""

    def __len__(self) -> int:
        return len(self._source.snapshot)

    def __contains__(self, tenant: str) -> bool:
        return bool(tenant) and _token(tenant) in self._source.snapshot

    def describe(self) -> list[dict[str, object]]:
        """Return every tenant for people: where its rules come from and what they are."""
        known = [_description(policy) for policy in self._source.snapshot.values()]
        unread: list[dict[str, object]] = [
            {"tenant": subjects.untoken(key), "error": reason}
            for key, reason in self._source.refused.items()
        ]
        return sorted([*known, *unread], key=lambda one: str(one["tenant"]))

    def _permission(self, key: str, policy: contracts.TenantPolicy) -> Permission:
        known = self._compiled.get(key)
        if known is not None and known.policy is policy:
            return known.permission
        if known is not None and _granted(known.policy) == _granted(policy):
            permission = known.permission
        else:
            permission = self._compile(policy)
        self._compiled[key] = _Compiled(policy, permission)
        return permission

    def _compile(self, policy: contracts.TenantPolicy) -> Permission:
        try:
            found = permission(policy)
            _ = found.anywhere  # whatever cannot be united fails here, and not in some queries
            return found
        except promql.RuleError as error:
            if self._throttle.allow(policy.tenant):
                _log.exception("policy does not compile", extra={"tenant": policy.tenant})
            raise Failure("policies", "the policy of this tenant cannot be applied") from error


def permission(policy: contracts.TenantPolicy) -> Permission:
    """Return what a policy permits. Raises `RuleError`."""
    return Permission(
        promql.RuleSet(map(matchers, policy.rules)),
        [
            Limited(frozenset(one.clusters), promql.RuleSet(map(matchers, one.rules)))
            for one in policy.limited
        ],
    )


def _granted(policy: contracts.TenantPolicy) -> tuple[object, ...]:
    return policy.rules, policy.limited


def matchers(rule: contracts.RuleMatchers) -> tuple[promql.Matcher, ...]:
    """Return a rule of the contract as the library's matchers."""
    return tuple(promql.Matcher(one.label, one.op, one.value) for one in rule)


def _description(policy: contracts.TenantPolicy) -> dict[str, object]:
    return {
        "tenant": policy.tenant,
        # As adobe's proxy says it; a tenant is a namespace.
        "id": policy.tenant,
        "name": policy.tenant,
        "namespace": policy.tenant,
        "patterns": len(policy.rules),
        "objects": policy.objects,
        "rules": [promql.format_selector(matchers(rule)) for rule in policy.rules],
        "limited": [
            {
                "clusters": one.clusters,
                "rules": [promql.format_selector(matchers(rule)) for rule in one.rules],
            }
            for one in policy.limited
        ],
        "digest": policy.digest,
        "problems": policy.problems,
    }

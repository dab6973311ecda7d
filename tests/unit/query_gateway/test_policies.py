"""A tenant's rules are the newest ones, or there are none at all."""

import pytest
from msgspec.structs import replace

import tenantry_promql as promql
from query_gateway.failures import Failure, Kind
from query_gateway.policies import Policies
from query_gateway.testing import FixedPolicies
from tenantry_common import contracts, subjects


def matcher(label: str, value: str) -> promql.Matcher:
    return promql.Matcher(label, "=", value)


def failure(policies: Policies, tenant: str) -> tuple[Kind, str]:
    with pytest.raises(Failure) as raised:
        policies.permission_of(tenant)
    return raised.value.kind, raised.value.text


def test_a_tenant_has_the_union_of_its_rules() -> None:
    source = FixedPolicies()
    source.grant("team.a", "up", 'x{namespace="a"}')

    rules = Policies(source, 900).permission_of("team.a").everywhere

    assert rules == promql.RuleSet(
        [[matcher("__name__", "up")], [matcher("__name__", "x"), matcher("namespace", "a")]]
    )


def test_rules_are_compiled_once_as_long_as_they_are_the_same() -> None:
    source = FixedPolicies()
    source.grant("a", "up")
    policies = Policies(source, 900)

    first = policies.permission_of("a").everywhere
    source.grant("a", "up")

    assert policies.permission_of("a").everywhere is first


def test_a_change_counts_from_the_next_request_on() -> None:
    source = FixedPolicies()
    source.grant("a", "up")
    policies = Policies(source, 900)
    policies.permission_of("a")

    source.grant("a", "down")

    assert policies.permission_of("a").everywhere.rules == (((matcher("__name__", "down")),),)


def test_a_removed_policy_is_an_unknown_tenant_from_the_next_request_on() -> None:
    source = FixedPolicies()
    source.grant("a", "up")
    policies = Policies(source, 900)
    policies.permission_of("a")

    source.snapshot.clear()

    assert failure(policies, "a") == ("forbidden", 'the tenant "a" is not known')


def test_a_policy_without_rules_permits_nothing() -> None:
    source = FixedPolicies()
    source.grant("a")

    assert Policies(source, 900).permission_of("a").everywhere.is_empty


def test_a_policy_that_cannot_be_read_is_not_no_policy() -> None:
    source = FixedPolicies(refused={"a": "schema 2"})

    assert failure(Policies(source, 900), "a") == (
        "policies",
        "the policy of this tenant cannot be read",
    )


def test_a_policy_under_another_tenants_key_is_not_used() -> None:
    source = FixedPolicies()
    source.grant("a", "up")
    source.snapshot["b"] = source.snapshot["a"]

    assert failure(Policies(source, 900), "b")[0] == "policies"


def test_a_policy_that_does_not_compile_permits_nothing() -> None:
    broken = contracts.TenantPolicy(
        tenant="a", digest="d", rules=((contracts.Matcher("x", "=~", "("),),)
    )
    source = FixedPolicies({"a": broken})

    assert failure(Policies(source, 900), "a") == (
        "policies",
        "the policy of this tenant cannot be applied",
    )


@pytest.mark.parametrize(
    ("version", "age", "reason"),
    [
        pytest.param(0, float("inf"), "the policies have not been read yet", id="at start"),
        pytest.param(
            3,
            901.0,
            "the policies could not be confirmed for more than 900 s (policies_stale_seconds)",
            id="after a long time without NATS",
        ),
    ],
)
def test_policies_that_nobody_vouches_for_are_not_used(
    version: int, age: float, reason: str
) -> None:
    source = FixedPolicies(version=version, age=age)
    source.grant("a", "up")

    assert failure(Policies(source, 900), "a") == ("policies", reason)


def test_the_last_known_policies_are_used_for_a_while_without_nats() -> None:
    source = FixedPolicies(age=899.0)
    source.grant("a", "up")

    assert len(Policies(source, 900).permission_of("a").everywhere.rules) == 1


def test_every_tenant_is_described_with_what_is_wrong() -> None:
    problem = contracts.Problem(path="$.spec", message="no", severity="warning", object="a/x")
    policy = contracts.TenantPolicy(
        tenant="a.b",
        digest="d",
        rules=((contracts.Matcher("__name__", "=", "up"), contracts.Matcher("x", "!=", "1")),),
        objects=("x",),
        problems=(problem,),
    )
    source = FixedPolicies({subjects.token("a.b"): policy}, refused={"z": "not a TenantPolicy"})

    assert Policies(source, 900).describe() == [
        {
            "tenant": "a.b",
            "id": "a.b",
            "name": "a.b",
            "namespace": "a.b",
            "patterns": 1,
            "objects": ("x",),
            "rules": ['up{x!="1"}'],
            "limited": [],
            "digest": "d",
            "problems": (problem,),
        },
        {"tenant": "z", "error": "not a TenantPolicy"},
    ]


def test_rules_that_are_limited_to_clusters_are_compiled_and_described() -> None:
    source = FixedPolicies()
    source.grant("a", "up")
    key = subjects.token("a")
    limited = contracts.LimitedRules(
        clusters=("eu",), rules=((contracts.Matcher("__name__", "=", "down"),),)
    )
    source.snapshot[key] = replace(source.snapshot[key], limited=(limited,))
    policies = Policies(source, 900)

    permission = policies.permission_of("a")

    assert permission.within("eu") == promql.RuleSet(map(promql.parse_rule, ("up", "down")))
    assert permission.within("us").rules == ((matcher("__name__", "up"),),)
    assert policies.describe()[0]["limited"] == [{"clusters": ("eu",), "rules": ["down"]}]

    source.snapshot[key] = replace(source.snapshot[key], limited=())
    assert policies.permission_of("a").within("eu").rules == ((matcher("__name__", "up"),),)

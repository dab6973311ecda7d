"""The page `/debug/tenants`: every object with its problems, and what each tenant may see; pure."""

from tenant_controller.compile import Compiled, Desired
from tenant_controller.findings import Finding
from tenantry_common.contracts import RuleMatchers, TenantPolicy
from tenantry_promql import Matcher, format_selector


def page(leading: bool, source_problem: str, desired: Desired) -> object:
    """Return the page as JSON values."""
    of_objects = {id(finding) for compiled in desired.objects for finding in compiled.findings}
    return {
        "leading": leading,
        "source_problem": source_problem,
        "tenants": [_tenant(policy) for _, policy in sorted(desired.policies.items())],
        "objects": [_object(compiled) for compiled in desired.objects],
        "files": [_finding(f) for f in desired.findings if id(f) not in of_objects],
    }


def _tenant(policy: TenantPolicy) -> object:
    return {
        "tenant": policy.tenant,
        "digest": policy.digest,
        "objects": policy.objects,
        "rules": [_selector(rule) for rule in policy.rules],
    }


def _object(compiled: Compiled) -> object:
    job = compiled.job
    return {
        "object": compiled.entry.validated.full_name,
        "file": compiled.entry.located.file,
        "line": compiled.entry.located.line,
        "valid": compiled.is_valid,
        "rules": [format_selector(rule) for rule in compiled.permitted.rules],
        "endpoints": [endpoint.url for endpoint in job.endpoints] if job else [],
        "problems": [_finding(finding) for finding in compiled.findings],
    }


def _finding(finding: Finding) -> object:
    problem = finding.problem
    return {
        "file": finding.file,
        "line": finding.line,
        "severity": problem.severity,
        "path": problem.path,
        "message": problem.message,
    }


def _selector(rule: RuleMatchers) -> str:
    return format_selector(Matcher(m.label, m.op, m.value) for m in rule)

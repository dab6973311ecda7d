"""Validate manifests without a platform: what `tenantry check` shows; pure.

Boundaries and the addresses of services belong to a platform, so they are not part of it.
"""

from tenant_controller import catalogue
from tenant_controller.findings import Finding, in_order
from tenantry_common.contents import Contents


def check_text(text: str, filename: str) -> tuple[Finding, ...]:
    """Return every problem of the manifests in `text`."""
    return check_files({filename: text})


def check_files(files: Contents) -> tuple[Finding, ...]:
    """Return every problem of several files (path → text), objects that stand in two of them too."""
    found = catalogue.read(files)
    return in_order((*found.findings, *(f for entry in found.entries for f in entry.findings)))

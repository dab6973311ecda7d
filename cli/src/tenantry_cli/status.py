"""Show a snapshot of the estate as tables; pure."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table

from tenantry_cli.snapshot import Cursor, Snapshot
from tenantry_common import contracts


def render(snapshot: Snapshot, now_ms: int) -> RenderableType:
    """Return the tables: backends, tenants, delivery per endpoint, problems."""
    parts: list[RenderableType] = [
        _backends(snapshot.backends),
        _tenants(snapshot.policies),
        _delivery(snapshot, now_ms),
    ]
    if problems := [problem for policy in snapshot.policies for problem in policy.problems]:
        parts.append(_problems(problems))
    if snapshot.unreadable:
        parts.append("\n".join(("unreadable:", *snapshot.unreadable)))
    return Group(*parts)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        # A trailing > marks a column of figures.
        table.add_column(column.rstrip(">"), justify="right" if column.endswith(">") else "left")
    return table


def _backends(backends: Iterable[contracts.Backend]) -> Table:
    table = _table("Backends", "id", "HA set", "URL", "version", "state")
    for backend in sorted(backends, key=lambda b: (b.ha_set, b.id)):
        state = "[green]healthy" if backend.healthy else f"[red]unhealthy[/]: {backend.reason}"
        table.add_row(backend.id, backend.ha_set, backend.url, backend.version or "?", state)
    return table


def _tenants(policies: Iterable[contracts.TenantPolicy]) -> Table:
    table = _table("Tenants", "tenant", "MetricAccess", "rules>", "digest", "problems>")
    for policy in sorted(policies, key=lambda p: p.tenant):
        table.add_row(
            policy.tenant,
            ", ".join(policy.objects) or "-",
            str(len(policy.rules)),
            policy.digest[:12],
            str(len(policy.problems)),
        )
    return table


def _delivery(snapshot: Snapshot, now_ms: int) -> Table:
    table = _table(
        "Delivery",
        *("job", "shard", "endpoint", "lag>", "waiting>", "samples>", "made up>", "missing>"),
        *("rejected>", "error"),
    )
    for cursor in snapshot.cursors:
        progress = _progress(snapshot.reports, cursor)
        table.add_row(
            str(cursor.shard.job),
            cursor.shard.shard,
            _url(snapshot.jobs, cursor),
            _lag(progress.window_end_ms, now_ms),
            "no writer" if cursor.waiting < 0 else str(cursor.waiting),
            f"{progress.samples:,}",
            f"{progress.made_up:,}",
            _missing(progress),
            f"{progress.rejected:,}",
            progress.last_error,
        )
    return table


def _missing(progress: contracts.Progress) -> str:
    """Return what the endpoint lacks: gaps that are still to be made up, and what is lost of them."""
    open_ms = sum(end - start for start, end in progress.gaps if start)
    parts = [f"{open_ms / 1000:,.0f} s to make up"] if open_ms else []
    if any(not start for start, _ in progress.gaps):
        parts.append("a gap of unknown length")
    if progress.missed_ms:
        parts.append(f"{progress.missed_ms / 1000:,.0f} s lost")
    return ", ".join(parts) or "-"


def _url(jobs: Iterable[contracts.DeliveryJob], cursor: Cursor) -> str:
    for job in jobs:
        if (job.tenant, job.name) == cursor.shard.job:
            for endpoint in job.endpoints:
                if endpoint.id == cursor.endpoint:
                    return endpoint.url
    return cursor.endpoint


def _progress(reports: Iterable[contracts.Report], cursor: Cursor) -> contracts.Progress:
    """Return what the writers said of this cursor: figures added up, the newest window and error."""
    said = [
        progress
        for report in sorted(reports, key=lambda r: r.at_ms)
        if report.component == "writer" and (report.tenant, report.job) == cursor.shard.job
        for progress in report.progress
        if (progress.shard, progress.endpoint) == (cursor.shard.shard, cursor.endpoint)
    ]
    return contracts.Progress(
        shard=cursor.shard.shard,
        endpoint=cursor.endpoint,
        window_end_ms=max((p.window_end_ms for p in said), default=0),
        samples=sum(p.samples for p in said),
        made_up=sum(p.made_up for p in said),
        missed_ms=sum(p.missed_ms for p in said),
        gaps=max((p.gaps for p in said), key=len, default=()),
        rejected=sum(p.rejected for p in said),
        last_error=said[-1].last_error if said else "",
    )


def _lag(window_end_ms: int, now_ms: int) -> str:
    return f"{(now_ms - window_end_ms) / 1000:.0f} s" if window_end_ms else "?"


def _problems(problems: Iterable[contracts.Problem]) -> Table:
    table = _table("Problems", "object", "path", "severity", "message")
    for problem in problems:
        table.add_row(problem.object, problem.path, problem.severity, problem.message)
    return table

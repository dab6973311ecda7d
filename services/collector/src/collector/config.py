"""The collector's configuration: when windows are due, how large they get, how sources are asked."""

from typing import Literal

import msgspec

from collector import pull
from tenantry_common import config
from tenantry_common.backend_access import Profile
from tenantry_common.kubernetes_settings import Settings


class Config(config.Service, frozen=True, kw_only=True):
    """The whole file."""

    settle_seconds: float = 5.0
    """Seconds that a window's end lies in the past before it is collected, for scrapes that are
    still being committed. Longer than the slowest scrape takes; a sample that is stored later than
    this is delivered with the next window, if no newer one of its series was."""
    overlap_seconds: float | None = None
    """Seconds before a window in which samples are looked for that came late; none: the job's
    interval. Late samples that cannot be delivered any more are counted only with a whole one."""
    spread_seconds: float = 2.0
    """Seconds over which the jobs' windows of one moment are spread, so that sources are not asked
    for all of them at once. Delays a job by at most this, always by the same."""
    slice_seconds: float = 300.0
    """Longest span that is collected at once while a gap is made up; halved when an answer is too
    large or does not come in time, and never shorter than the job's interval otherwise."""
    batch_series: int = 10_000
    """Most series in one message."""
    batch_bytes: int = 4_000_000
    """Most bytes in one message before compression; Prometheus 3 takes 32 MiB. What does not fit
    NATS' `max_payload` (1 MiB by default) after compression is divided."""
    fetch_timeout_seconds: float = 30.0
    """Seconds that one answer of a source may take, from the request to its last byte."""
    max_answer_bytes: int = 64 << 20
    """Largest answer, in bytes after decompression. About 200 bytes for each series and 18 for each
    sample; a window with more is collected in several answers, divided by metric names."""
    max_series: int = 1_000_000
    """Most series of one job and HA set in one window; a job with more is not collected."""
    read: pull.Way = "auto"
    """How sources are asked: `remote_read`; `json`, which loses stale markers and histograms; or
    `auto`: by JSON where remote read is closed (403, 404, 405)."""
    max_concurrent_windows: int = 4
    """Windows of all jobs that are fetched, encoded and published at the same time. Bounds memory,
    together with `max_answer_bytes`."""
    max_fetches_per_source: int = 3
    """Requests that one source works on at the same time. Prometheus' own limit for everybody
    together is 10 (`--storage.remote.read-concurrent-limit`)."""
    retry_max_seconds: float = 30.0
    """Longest pause before a window that failed is tried again."""
    cached_series: int = 500_000
    """Series of one job and HA set whose labels are remembered; about 1 kB each. Those beyond
    are relabelled anew in every window."""
    backend_access: dict[str, Profile] = msgspec.field(default_factory=dict)
    """Credentials of sources, by the name of the access profile that discovery gave them."""
    secrets_dir: str = ""
    """Folder of the salts that jobs anonymise labels with, `<namespace>/<name>/<key>`; empty: there
    are none, and such jobs publish nothing."""
    secrets_from: Literal["files", "kubernetes"] = "files"
    """Where salts are read: `secrets_dir`, or Secrets of the cluster, in the tenant's namespace."""
    secrets_keep_seconds: float = 30.0
    """Seconds for which a Secret is used before it is read again."""
    kubernetes: Settings = Settings()
    """How to reach the API server, where salts come from there."""

    def __post_init__(self) -> None:
        """Refuse what nothing can be collected with."""
        if self.secrets_dir and self.secrets_from != "files":
            raise ValueError("$.secrets_dir belongs to secrets_from: files")
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if not isinstance(value, int | float):
                continue
            if value < 0 or (value == 0 and name not in _MAY_BE_ZERO):
                raise ValueError(f"{name} must be larger than 0")


_MAY_BE_ZERO = (
    "settle_seconds",
    "overlap_seconds",
    "spread_seconds",
    "cached_series",
    "shutdown_grace_seconds",
)

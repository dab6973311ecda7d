"""A cluster that was identified, and the job that it may push to; values only."""

from dataclasses import dataclass

from receiver import refusal
from tenantry_common.subjects import JobRef

LONGEST_ID = 255
"""Bytes: ids become label values, and longer ones are rejected there."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Who pushes, and to what."""

    job: JobRef
    cluster: str
    mode: str
    """The way of identification, for logs."""
    credential: str = ""
    """Id of the long-lived credential that this rests on; empty: on none of ours."""
    token: str = ""
    """Id of the token that was presented; empty: none."""

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """What may be revoked of it: kind and name."""
        return (
            ("cluster", f"{self.job}/{self.cluster}"),
            ("credential", self.credential),
            ("token", self.token),
        )


def cluster_id(text: str) -> str:
    """Return `text`, which came from outside, if it can be the id of a cluster.

    Raises `refusal.Refused`.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise refusal.malformed("the cluster's id is not UTF-8") from error
    if not 0 < size <= LONGEST_ID:
        raise refusal.malformed(f"the cluster's id has from 1 to {LONGEST_ID} bytes")
    return text

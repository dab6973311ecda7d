"""The requests for backfill that concern one lane, out of all there are; pure."""

from collections.abc import Callable, Mapping

from tenantry_common.contracts import Backfill
from tenantry_common.subjects import JobRef, ShardRef
from writer.assign import Lane

_SHOWN = 20

type Notes = Callable[[], Mapping[str, Backfill]]
"""KV `backfills` as it is now; another mapping whenever it changes."""


class Backfills:
    """The bucket by lane. All lanes of a writer share one, so that nobody searches all of it."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._seen: Mapping[str, Backfill] | None = None
        self._by_lane: dict[tuple[ShardRef, str], dict[str, Backfill]] = {}

    def of(self, lane: Lane) -> Mapping[str, Backfill]:
        """Return what concerns `lane`, by key, oldest end first: notes, requests, and settled ones."""
        notes = self._notes()
        if notes is not self._seen:
            self._by_lane = {}
            for key, one in sorted(notes.items(), key=lambda item: item[1].end_ms):
                shard = ShardRef(JobRef(one.tenant, one.job), one.shard)
                self._by_lane.setdefault((shard, one.endpoint), {})[key] = one
            self._seen = notes
        return self._by_lane.get((lane.shard, lane.endpoint.id), {})

    def requests(self, lane: Lane) -> dict[str, Backfill]:
        """Return what was asked for `lane` and is not delivered yet, by key, oldest end first."""
        return {key: one for key, one in self.of(lane).items() if one.is_open}

    def spans(self, lane: Lane) -> tuple[tuple[int, int], ...]:
        """Return the spans that were asked for and are not made up, oldest first."""
        found = self.requests(lane).values()
        return tuple((one.start_ms, one.end_ms) for one in found)[:_SHOWN]

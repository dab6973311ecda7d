"""Keep what an endpoint refused where people can look at it: stream REJECTS.

One message for each reason, in the form of a batch: a snappy block of a `WriteRequest`, so that
whatever reads batches reads these too.
"""

from collections.abc import Iterable, Mapping

from tenantry_common import batches, bus, contracts, remote_write, snappy_block, subjects
from writer import isolate
from writer.assign import Lane


async def keep(
    connection: bus.Bus, lane: Lane, headers: Mapping[str, str], refused: Iterable[isolate.Refused]
) -> None:
    """Store the rejected series of one batch. Raises `errors.BusUnavailable`.

    `headers` are those of the batch; they name its window. Series that the endpoint has already
    are not kept.
    """
    window = {name: headers[name] for name in (subjects.HEADER_WINDOW,) if name in headers}
    for reason, requests in by_reason(refused).items():
        await batches.append(
            connection,
            subjects.rejects(lane.shard.job),
            snappy_block.compress(remote_write.join(requests)),
            {
                **window,
                subjects.HEADER_SERIES: str(len(requests)),
                subjects.HEADER_SCHEMA: str(contracts.SCHEMA),
                subjects.HEADER_REASON: _ascii(reason),
                subjects.HEADER_ENDPOINT: lane.endpoint.id,
            },
        )


def _ascii(text: str) -> str:
    """Return `text` as a header can hold it: what is not ASCII as an escape."""
    return text.encode("ascii", "backslashreplace").decode()


def by_reason(refused: Iterable[isolate.Refused]) -> dict[str, list[bytes]]:
    """Return the rejected series, as requests, by the reason for which they were; pure."""
    found: dict[str, list[bytes]] = {}
    for one in refused:
        if one.verdict == "rejected":
            found.setdefault(one.reason, []).append(one.request)
    return found

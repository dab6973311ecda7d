"""Settings of streams only grow."""

from dataclasses import replace

import pytest

from tenantry_common import config, streams
from tenantry_common.streams import Strength

BASE = Strength(max_age=60.0, max_bytes=1000, max_msgs_per_subject=10, num_replicas=1)


@pytest.mark.parametrize(
    ("existing", "wanted", "expected"),
    [
        pytest.param(BASE, BASE, BASE, id="equal stays"),
        pytest.param(
            Strength(max_age=90.0, max_bytes=1, max_msgs_per_subject=20, num_replicas=3),
            BASE,
            Strength(max_age=90.0, max_bytes=1000, max_msgs_per_subject=20, num_replicas=3),
            id="each setting on its own",
        ),
        pytest.param(
            Strength(max_age=0.0, max_bytes=-1, max_msgs_per_subject=-1, num_replicas=1),
            BASE,
            Strength(max_age=0.0, max_bytes=-1, max_msgs_per_subject=-1, num_replicas=1),
            id="unlimited is the strongest",
        ),
        pytest.param(
            replace(BASE, max_consumers=-1),
            replace(BASE, max_consumers=7),
            replace(BASE, max_consumers=7),
            id="any number of consumers is more than what the server permits by itself",
        ),
    ],
)
def test_the_stronger_setting_wins(
    existing: Strength, wanted: Strength, expected: Strength
) -> None:
    assert streams.strongest(existing, wanted) == expected
    assert streams.strongest(wanted, existing) == expected


def test_every_stream_and_bucket_of_the_contract_is_defined() -> None:
    defined = streams.definitions(config.Nats(replicas=3))

    assert {stream.name: stream.num_replicas for stream in defined} == {
        "SAMPLES": 3,
        "REJECTS": 3,
        "BACKFILL": 3,
        "LATEST": 3,
        "KV_backends": 3,
        "KV_policies": 3,
        "KV_jobs": 3,
        "KV_leases": 3,
        "KV_reports": 3,
        "KV_pushes": 3,
        "KV_backfills": 3,
        "KV_revocations": 3,
    }

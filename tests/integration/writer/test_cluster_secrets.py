"""A whole writer whose secrets are in a cluster: what is missing stops one endpoint and no other."""

import base64
import time
from collections.abc import Mapping

import msgspec
from tests.kubernetes import api_server

from tenantry_common import bus, contracts, kubernetes, subjects
from tenantry_common.contracts import Authorization, SecretRef
from tenantry_common.subjects import JobRef, ShardRef
from tenantry_common.testing import mirror, until
from writer import testing
from writer.config import Config

JOB = JobRef("team-a", "all")
SHARD = ShardRef(JOB, "cluster-eu")
MISSING = SecretRef(name="push", key="token")


def progress(reports: Mapping[str, contracts.Report]) -> dict[str, contracts.Progress]:
    """Progress by endpoint."""
    return {one.endpoint: one for report in reports.values() for one in report.progress}


async def test_a_missing_secret_is_named_and_disturbs_no_other_endpoint(
    connection: bus.Bus, settings: Config
) -> None:
    now = int(time.time() * 1000)
    job = testing.job(JOB, "http://127.0.0.1:1/", "http://127.0.0.1:1/")
    async with (
        api_server.running() as server,
        testing.endpoint() as closed,
        testing.endpoint() as open_,
        mirror(connection, subjects.REPORTS, contracts.decode_report) as reports,
    ):
        in_cluster = msgspec.structs.replace(
            settings,
            secrets_from="kubernetes",
            kubernetes=kubernetes.Settings(url=str(server.url)),
        )
        endpoints = (
            msgspec.structs.replace(
                job.endpoints[0], url=closed.url, authorization=Authorization(credentials=MISSING)
            ),
            msgspec.structs.replace(job.endpoints[1], url=open_.url),
        )
        async with testing.running(in_cluster):
            await testing.put_job(connection, msgspec.structs.replace(job, endpoints=endpoints))
            request = testing.series({"__name__": "m"}, (now, 1.0))
            await testing.publish(connection, SHARD, [request], now)
            found = await until(
                reports,
                lambda found: bool(
                    {"0", "1"} <= progress(found).keys()
                    and progress(found)["0"].last_error
                    and progress(found)["1"].window_end_ms
                ),
                seconds=30,
            )
            assert progress(found)["0"].last_error == (
                "secret team-a/push, key token: there is no such Secret"
            )
            assert closed.seen == []

            server.apply(
                ("", "secrets"),
                {
                    "metadata": {"name": "push", "namespace": "team-a"},
                    "data": {"token": base64.b64encode(b"t0k").decode()},
                },
            )
            await until(
                reports, lambda found: progress(found)["0"].window_end_ms == now, seconds=30
            )

        assert [seen.headers["Authorization"] for seen in closed.seen] == ["Bearer t0k"]
        assert [seen.request for seen in open_.seen] == [request]

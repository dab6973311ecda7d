"""A site that clusters push to: a nats-server, a job, receivers and writers as real processes."""

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from tests.push.reference_server import Point

from receiver import testing
from receiver.testing import JOB, Issuer
from tenantry_common import api_key, batches, bus, contracts, kv, snappy_block, subjects
from tenantry_common.contracts import DeliveryJob, PushPolicy
from tenantry_common.proto import remote_pb2
from tenantry_local.nats_server import NatsServer
from tenantry_local.ports import LOOPBACK, free_port
from tenantry_local.process import Process
from tenantry_local.service import service

CLUSTER = "cluster-a"


@dataclass
class Site:
    """The site, and what a cluster needs to push to it."""

    folder: Path
    nats: NatsServer
    bus: bus.Bus
    credential: str = field(default_factory=lambda: api_key.new("fleet"))
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        """What the receiver's endpoints are below."""
        return f"http://{LOOPBACK}:{self.port}"

    async def publish(self, *urls: str, **policy: Any) -> DeliveryJob:
        """Put the job: any series of `CLUSTER`, as often as it likes, delivered to `urls`."""
        endpoints = tuple(
            contracts.Endpoint(id=str(n), kind="prometheus", url=url) for n, url in enumerate(urls)
        )
        job = testing.job(
            PushPolicy(**{"sources": (CLUSTER,), "interval_ms": 0, **policy}), endpoints=endpoints
        )
        await kv.put(self.bus, subjects.JOBS, subjects.job_key(JOB), contracts.encode(job))
        return job

    def receiver(self, name: str = "receiver", **settings: Any) -> Process:
        """Return a receiver at `url`, not started."""
        keys, credentials = self.folder / "keys.json", self.folder / "credentials.yaml"
        if not keys.exists():
            keys.write_bytes(Issuer().document)
            credentials.write_text(yaml.safe_dump({"credentials": [self._entry()]}))
        auth = {"tokens": {"keys_file": str(keys)}, "credentials": {"file": str(credentials)}}
        listen = {"host": LOOPBACK, "port": self.port}
        return self._service("receiver", name, {"listen": listen, "auth": auth, **settings})

    def writer(self, name: str = "writer") -> Process:
        """Return a writer, not started."""
        return self._service(
            "writer", name, {"retry_limit_seconds": 0.5, "fault_retry_seconds": 0.5}
        )

    async def stored(self) -> list[Point]:
        """Return every sample on the stream, in its order."""
        found: list[Point] = []
        pattern, sequence = subjects.samples_of_job(JOB), 0
        while message := await batches.following(self.bus, subjects.SAMPLES, pattern, sequence):
            sequence = message.sequence
            request = remote_pb2.WriteRequest.FromString(
                snappy_block.decompress(message.data, limit=1 << 24)
            )
            for series in request.timeseries:
                labels = frozenset((pair.name, pair.value) for pair in series.labels)
                found += [Point(labels, s.timestamp, _bits(s.value)) for s in series.samples]
        return found

    def _entry(self) -> dict[str, Any]:
        key = api_key.read(self.credential)
        if key is None:
            raise AssertionError("a key that was just made can be read")
        return {
            "id": key.id,
            "hash": api_key.make(key.secret),
            "tenant": JOB.tenant,
            "job": JOB.name,
            "clusters": [CLUSTER],
        }

    def _service(self, module: str, name: str, settings: dict[str, Any]) -> Process:
        return service(
            module,
            settings,
            name=name,
            nats_url=self.nats.url,
            ops_port=free_port(),
            config=self.folder / f"{name}.yaml",
            log=self.folder / f"{name}.log",
        )


def _bits(value: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])

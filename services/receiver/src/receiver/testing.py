"""For tests: pushes as clusters send them, and the tokens and jobs that they need."""

import time
from collections.abc import Iterable, Mapping

import msgspec
import snappy

from receiver.identity import keyring, rotation, tokens
from receiver.identity.keyring import StoredKey
from receiver.identity.source import Source
from tenantry_common import contracts, protowire
from tenantry_common.contracts import DeliveryJob, Matcher, PushPolicy
from tenantry_common.proto import metrics_pb2
from tenantry_common.subjects import JobRef

JOB = JobRef("team-a", "fleet")
PROTOBUF = (
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)
ANY_NAME = ((Matcher("__name__", "=~", ".+"),),)

type Labels = Mapping[str, str]
type Sample = tuple[Labels, float, int | None]
"""Labels without the name, value, and milliseconds."""


def job(
    policy: PushPolicy | None = None,
    *,
    ref: JobRef = JOB,
    rules: tuple[contracts.RuleMatchers, ...] = ANY_NAME,
    **more: object,
) -> DeliveryJob:
    """Return a job that clusters push to; unless told otherwise, any cluster and any series."""
    fields: dict[str, object] = {
        "tenant": ref.tenant,
        "name": ref.name,
        "digest": "d",
        "rules": rules,
        "interval_ms": 1,
        "lookback_ms": 0,
        "push": policy or PushPolicy(sources=("*",), interval_ms=0),
        **more,
    }
    return DeliveryJob(**fields)  # type: ignore[arg-type]  # checked when it is encoded


def of(job: DeliveryJob, ref: JobRef) -> DeliveryJob:
    """Return the same job under another name."""
    return msgspec.structs.replace(job, tenant=ref.tenant, name=ref.name)


def family(name: str, samples: Iterable[Sample], kind: str = "UNTYPED") -> bytes:
    """Return one delimited MetricFamily of untyped values, gauges or counters."""
    message = metrics_pb2.MetricFamily(name=name, type=kind)
    for labels, value, stamp in samples:
        metric = message.metric.add()
        for label, text in labels.items():
            metric.label.add(name=label, value=text)
        getattr(metric, kind.lower()).value = value
        if stamp is not None:
            metric.timestamp_ms = stamp
    return delimited(message.SerializeToString())


def delimited(message: bytes) -> bytes:
    """Return a message behind its length."""
    return protowire.varint(len(message)) + message


def frames(data: bytes) -> bytes:
    """Return `data` as a stream of snappy frames."""
    compressed: bytes = snappy.StreamCompressor().compress(data)
    return compressed


def now_ms() -> int:
    """Return the time that clusters send."""
    return int(time.time() * 1000)


class Issuer:
    """A key, and tokens that it signed."""

    def __init__(self) -> None:
        self.keys: tuple[StoredKey, ...] = (rotation.new(0),)

    @property
    def document(self) -> bytes:
        """The file that receivers read."""
        return rotation.private_document(self.keys)

    def token(self, cluster: str, ref: JobRef = JOB, *, seconds: int = 3600) -> str:
        """Return a token of `cluster`, good for so long from now on."""
        key = keyring.parse(self.document).signing(time.time())
        if key is None:
            raise AssertionError("a key that signs from 1970 on signs now")
        source = Source(job=ref, cluster=cluster, mode="token", credential="test")
        return tokens.issue(key, source, time.time(), seconds)

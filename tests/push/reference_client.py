"""A client that pushes as openshift/telemeter's does: scrape `/federate`, stamp labels, upload.

Written from the wire contract, with the protobuf library and an implementation of snappy that is not
ours. It keeps its token until a 401, or until it has expired if it lives for a minute or longer, and
takes any answer but 200 for a failure.
"""

import io
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp
import cramjam
from google.protobuf import proto

from tenantry_common.proto import metrics_pb2

CONTENT_TYPE = (
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)
_KEPT_FOR_EVER_SECONDS = 60
_CHUNK_BYTES = 4096


class Failed(Exception):
    """The server did not answer 200; `status` is what it answered."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


@dataclass(frozen=True)
class _Token:
    text: str = field(repr=False)
    labels: Mapping[str, str]
    until: float


class ReferenceClient:
    """One cluster's client."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        base: str,
        cluster: str,
        credential: str,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._http = http
        self._base = base.rstrip("/")
        self._cluster = cluster
        self._credential = credential
        self._now = now
        self._token: _Token | None = None

    async def push(self, families: Sequence[metrics_pb2.MetricFamily]) -> None:
        """Stamp the labels that the server wants on every metric, and upload. Raises `Failed`."""
        token = await self._authorised()
        stamped = [_stamped(family, token.labels) for family in families]
        await self.upload(encode(stamped), token.text)

    async def upload(
        self, body: bytes, token: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        """Upload bytes as they are. Raises `Failed`."""
        sent = {
            "Authorization": f"Bearer {token or (await self._authorised()).text}",
            "Content-Type": CONTENT_TYPE,
            "Content-Encoding": "snappy",
            **(headers or {}),
        }
        framed = bytes(cramjam.snappy.compress(body))
        async with self._http.post(
            f"{self._base}/upload", data=_chunks(framed), headers=sent
        ) as answer:
            if answer.status == 401:
                self._token = None
            if answer.status != 200:
                raise Failed(answer.status, await answer.text())

    async def _authorised(self) -> _Token:
        if self._token is None or self._now() >= self._token.until:
            async with self._http.post(
                f"{self._base}/authorize",
                params={"id": self._cluster},
                headers={"Authorization": f"Bearer {self._credential}"},
            ) as answer:
                if answer.status != 200:
                    raise Failed(answer.status, await answer.text())
                said = await answer.json(content_type=None)
            lives = said["expiresInSeconds"]
            until = math.inf if lives < _KEPT_FOR_EVER_SECONDS else self._now() + lives
            self._token = _Token(said["token"], said.get("labels") or {}, until)
        return self._token


async def scrape(
    http: aiohttp.ClientSession, url: str, match: Sequence[str]
) -> list[metrics_pb2.MetricFamily]:
    """Return what a Prometheus' `/federate` holds now, as telemeter's client asks for it."""
    async with http.get(
        f"{url}/federate",
        params=[("match[]", one) for one in match],
        headers={"Accept": f"{CONTENT_TYPE} , text/plain;version=0.0.4"},
    ) as answer:
        answer.raise_for_status()
        body = await answer.read()
        if not answer.headers["Content-Type"].startswith("application/vnd.google.protobuf"):
            raise ValueError(f"federate answers {answer.headers['Content-Type']}")
    return decode(body)


def decode(body: bytes) -> list[metrics_pb2.MetricFamily]:
    """Return delimited metric families."""
    found: list[metrics_pb2.MetricFamily] = []
    stream = io.BytesIO(body)
    while stream.tell() < len(body):
        family = proto.parse_length_prefixed(metrics_pb2.MetricFamily, stream)
        if family is None:
            raise ValueError("the last metric family is cut off")
        found.append(family)
    return found


def encode(families: Sequence[metrics_pb2.MetricFamily]) -> bytes:
    """Return delimited metric families as bytes."""
    stream = io.BytesIO()
    for family in families:
        proto.serialize_length_prefixed(family, stream)
    return stream.getvalue()


def _stamped(
    family: metrics_pb2.MetricFamily, labels: Mapping[str, str]
) -> metrics_pb2.MetricFamily:
    stamped = metrics_pb2.MetricFamily()
    stamped.CopyFrom(family)
    for metric in stamped.metric:
        kept = [pair for pair in metric.label if pair.name not in labels]
        added = [metrics_pb2.LabelPair(name=name, value=labels[name]) for name in labels]
        del metric.label[:]
        metric.label.extend(sorted([*kept, *added], key=lambda pair: pair.name))
    # Inside a family in order of time, as telemeter's client sorts before it sends.
    ordered = sorted(stamped.metric, key=lambda metric: metric.timestamp_ms)
    del stamped.metric[:]
    stamped.metric.extend(ordered)
    return stamped


async def _chunks(framed: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(framed), _CHUNK_BYTES):
        yield framed[start : start + _CHUNK_BYTES]

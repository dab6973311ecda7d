"""A server that speaks openshift/telemeter's wire contract and enforces all of it.

Written from the contract, not from our own code: bodies are decoded by the protobuf library and by
another implementation of snappy. It answers what telemeter-server answers (`pkg/server` of
github.com/openshift/telemeter): a rejected upload uses up its slot, 400 for what the sender should
have known, 500 for the rest. It keeps samples with the time that they came with.
"""

import contextlib
import io
import secrets
import ssl
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import cramjam
from aiohttp import web
from google.protobuf import proto
from google.protobuf.message import DecodeError

from tenantry_common.proto import metrics_pb2

CONTENT_TYPE = (
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)
_LONGEST = 255
_VALUES = {
    metrics_pb2.COUNTER: "counter",
    metrics_pb2.GAUGE: "gauge",
    metrics_pb2.UNTYPED: "untyped",
    metrics_pb2.SUMMARY: "summary",
    metrics_pb2.HISTOGRAM: "histogram",
}


class Point(NamedTuple):
    """One sample that the server has stored."""

    labels: frozenset[tuple[str, str]]
    timestamp_ms: int
    bits: int
    """The value's IEEE 754 bits."""


class Refused(Exception):
    """The upload is not taken."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True)
class Settings:
    """What the server is started with; telemeter's defaults."""

    credentials: dict[str, str]
    """Which cluster may authorise with which credential."""
    labels: dict[str, str] = field(default_factory=dict)
    """Labels besides the id that every series must carry."""
    expires_seconds: float = 86_400
    upload_interval_seconds: float = 270
    limit_bytes: int = 512_000
    max_age_seconds: float = 86_400
    one_each: bool = False
    """Whether only one sample of each series is taken at once: behind a server that sets the time of
    all samples to its own (as telemeter-server does), two would be one too many."""
    retry_after: str = ""
    """What a refusal for the pace says; telemeter says nothing."""


class ReferenceServer:
    """The server's state, which tests look at and change while it runs."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.url = ""
        self.points: list[Point] = []
        self.statuses: Counter[int] = Counter()
        """Answers to uploads."""
        self.authorised = 0
        self.sizes: list[int] = []
        """Bytes of the uploads that were taken, decompressed."""
        self.answers: list[web.Response] = []
        """What the next uploads are answered with, before anything is looked at."""
        self.last_refusal = ""
        self._now = now
        self._tokens: dict[str, tuple[str, float]] = {}
        self._slots: dict[str, float] = {}

    def revoke_tokens(self) -> None:
        """Accept no token that was given out."""
        self._tokens.clear()

    async def authorize(self, request: web.Request) -> web.Response:
        """Exchange a credential for a token."""
        kind, _, credential = request.headers.get("Authorization", "").partition(" ")
        form = await request.post()
        cluster = str(form.get("id") or request.query.get("id", ""))
        if kind.lower() != "bearer" or not cluster:
            return web.Response(status=401 if cluster else 400, text="not authorised")
        if self.settings.credentials.get(cluster) != credential:
            return web.Response(status=401, text="not authorised")
        token = secrets.token_urlsafe(24)
        self._tokens[token] = cluster, self._now() + self.settings.expires_seconds
        self.authorised += 1
        return web.json_response(
            {
                "version": 1,
                "token": token,
                "expiresInSeconds": self.settings.expires_seconds,
                "labels": self._labels(cluster),
            }
        )

    async def upload(self, request: web.Request) -> web.Response:
        """Take one upload, or say why not."""
        response = await self._answer(request)
        self.statuses[response.status] += 1
        return response

    async def _answer(self, request: web.Request) -> web.Response:
        if self.answers:
            return self.answers.pop(0)
        try:
            cluster = self._cluster(request)
            self._take_slot(cluster)
            body = await self._body(request)
            points = list(self._checked(body, self._labels(cluster)))
            if self.settings.one_each and len({point.labels for point in points}) < len(points):
                raise Refused(409, "response status code is 409 Conflict")
        except Refused as refusal:
            self.last_refusal = str(refusal)
            paced = refusal.status == 429 and self.settings.retry_after
            headers = {"Retry-After": self.settings.retry_after} if paced else {}
            return web.Response(status=refusal.status, text=str(refusal), headers=headers)
        self.points += points
        self.sizes.append(len(body))
        return web.Response()

    def _labels(self, cluster: str) -> dict[str, str]:
        return {"_id": cluster, **self.settings.labels}

    def _cluster(self, request: web.Request) -> str:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        cluster, until = self._tokens.get(token, ("", 0.0))
        if not cluster or until <= self._now():
            raise Refused(401, "token is not known, or has expired")
        return cluster

    def _take_slot(self, cluster: str) -> None:
        free = self._slots.get(cluster, 0.0)
        if self._now() < free:
            raise Refused(429, f"write limit reached for cluster with id {cluster!r}")
        self._slots[cluster] = self._now() + self.settings.upload_interval_seconds

    async def _body(self, request: web.Request) -> bytes:
        if request.headers.get("Content-Encoding") != "snappy":
            raise Refused(415, "not compressed with snappy")
        if request.headers.get("Transfer-Encoding") != "chunked" or request.version != (1, 1):
            raise Refused(411, "telemeter's clients send chunks over HTTP/1.1")
        try:
            body = bytes(cramjam.snappy.decompress(await request.read()))
        except cramjam.DecompressionError as error:
            raise Refused(500, f"not framed snappy: {error}") from error
        if len(body) > self.settings.limit_bytes:
            raise Refused(413, "failed to read request body")
        if request.headers.get("Content-Type") != CONTENT_TYPE:
            raise Refused(500, "failed to decode metrics")
        return body

    def _checked(self, body: bytes, required: dict[str, str]) -> Iterator[Point]:
        oldest_ms = int(self._now() - self.settings.max_age_seconds) * 1000
        for family in _families(body):
            _check_order(family)
            for metric in family.metric:
                labels = {pair.name: pair.value for pair in metric.label}
                _check_labels(family.name, metric, labels, required)
                if metric.timestamp_ms < oldest_ms:
                    raise Refused(400, "timestamp that is too old, check clock skew")
                yield Point(
                    frozenset({**labels, "__name__": family.name}.items()),
                    metric.timestamp_ms,
                    _bits(family, metric),
                )


def _families(body: bytes) -> Iterator[metrics_pb2.MetricFamily]:
    stream = io.BytesIO(body)
    while stream.tell() < len(body):
        try:
            family = proto.parse_length_prefixed(metrics_pb2.MetricFamily, stream)
        except (DecodeError, ValueError) as error:
            raise Refused(500, f"failed to decode metrics: {error}") from error
        if family is None or not family.name or not family.HasField("type"):
            raise Refused(500, "a family without a name or a type")
        if len(family.name.encode()) > _LONGEST:
            raise Refused(500, "metrics_name cannot be longer than 255 characters")
        yield family


def _check_order(family: metrics_pb2.MetricFamily) -> None:
    newest = 0
    for metric in family.metric:
        if not metric.timestamp_ms:
            raise Refused(400, "metrics in provided family do not have a timestamp")
        if metric.timestamp_ms < newest:
            raise Refused(400, "metrics in provided family are not in increasing timestamp order")
        newest = metric.timestamp_ms


def _check_labels(
    name: str, metric: metrics_pb2.Metric, labels: dict[str, str], required: dict[str, str]
) -> None:
    if len(labels) != len(metric.label) or "__name__" in labels:
        raise Refused(500, f"{name}: a label stands there twice, or names the metric")
    for label, value in labels.items():
        if not label or len(label.encode()) > _LONGEST or len(value.encode()) > _LONGEST:
            raise Refused(500, f"{name}: a label is empty or longer than 255 characters")
    if any(labels.get(label) != value for label, value in required.items()):
        raise Refused(400, f"{name}: a required label is missing from the metric")


def _bits(family: metrics_pb2.MetricFamily, metric: metrics_pb2.Metric) -> int:
    """Return the value, which must stand in the one field that the family's type names."""
    wanted = _VALUES[family.type]
    if [one for one in _VALUES.values() if metric.HasField(one)] != [wanted]:
        raise Refused(500, f"{family.name}: metric type must have {wanted} field set")
    value = getattr(metric, wanted)
    if not value.HasField("value"):
        raise Refused(500, f"{family.name}: no value")
    return int(struct.unpack("<Q", struct.pack("<d", value.value))[0])


@contextlib.asynccontextmanager
async def serving(
    server: ReferenceServer, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[ReferenceServer]:
    """Serve on loopback while the body runs; on the same `port` a server comes back."""
    app = web.Application(client_max_size=64 << 20)
    app.router.add_post("/authorize", server.authorize)
    app.router.add_post("/upload", server.upload)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True, ssl_context=tls).start()
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()

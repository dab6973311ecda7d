"""What crosses NATS: frozen messages, MessagePack on the wire, each with its schema number.

Between our own services unknown fields are tolerated, so that version N reads what N+1 wrote; a
message with a newer `schema` than this code knows is refused (`errors.NewerSchema`), because its
meaning may have changed. What people write (manifests, configuration) has Structs of its own that
forbid unknown fields.

Times are milliseconds since the epoch, durations milliseconds, unless a name says otherwise.
"""

import hashlib
from typing import Literal

import msgspec

from tenantry_common import errors
from tenantry_common.endpoints import Authorization as Authorization
from tenantry_common.endpoints import Authorize as Authorize
from tenantry_common.endpoints import BasicAuth as BasicAuth
from tenantry_common.endpoints import Endpoint as Endpoint
from tenantry_common.endpoints import EndpointKind as EndpointKind
from tenantry_common.endpoints import OAuth2 as OAuth2
from tenantry_common.endpoints import SecretRef as SecretRef
from tenantry_common.endpoints import TlsConfig as TlsConfig

SCHEMA = 1
"""The newest schema that this code writes and understands, of every message."""

type MatchOp = Literal["=", "!=", "=~", "!~"]


class Matcher(msgspec.Struct, frozen=True, array_like=True):
    """One PromQL label matcher; an absent label has the value ``""``."""

    label: str
    op: MatchOp
    value: str


type RuleMatchers = tuple[Matcher, ...]
"""A rule: the conjunction of its matchers. The empty tuple permits every series."""


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Base of everything that crosses NATS."""

    schema: int = SCHEMA


HOLDS_NOTHING = 1 << 62
"""`Backend.oldest_ms` of an empty database: later than any sample."""


class UpstreamTraits(msgspec.Struct, frozen=True, kw_only=True):
    """What PromQL enforcement must know of a server; the defaults are the strictest."""

    major: int = 0
    """Major version of the server, 0 when unknown."""
    label_replace_keeps_histograms: bool = False
    delayed_name_removal: bool = False
    experimental_functions: bool = False
    immediate_name_removal: bool = False
    """Certainly without delayed name removal; neither is claimed where flags are not told."""
    info_over_unions: bool = False


class Backend(Message, frozen=True, kw_only=True):
    """One infrastructure Prometheus server, as discovery last saw it (KV `backends`)."""

    id: str
    """Stable name, unique among backends; made from the URL unless the source names it."""
    url: str
    """Base URL without a trailing slash."""
    ha_set: str
    """Backends with the same `ha_set` hold the same data; different sets are shards."""
    role: Literal["replica", "global"] = "replica"
    """`global` sees all data (Thanos Query, Mimir, VictoriaMetrics): told, never guessed."""
    external_labels: dict[str, str] = {}
    """External labels without the replica labels: what tells HA sets apart."""
    replica_labels: dict[str, str] = {}
    """The external labels that differ between the replicas of one HA set."""
    labels: dict[str, str] = {}
    """Labels from the source (file_sd, Kubernetes), for people."""
    version: str = ""
    traits: UpstreamTraits = UpstreamTraits()
    healthy: bool = False
    reason: str = ""
    """Why it is not healthy, or what could not be read of it; for people."""
    product: Literal["prometheus", "victoriametrics"] = "prometheus"
    """`victoriametrics` restricts queries by `extra_filters[]`: told by its source, and confirmed by the
    server. Whatever else answers Prometheus' API counts as `prometheus`."""
    cluster: str = ""
    """The cluster whose series it holds, as its source or discovery's configuration says; empty: not
    told, and then no rule that is limited to clusters reaches it."""
    started: str = ""
    """When its process started, in its own words; empty: it does not tell. A process that says
    anything else is another one, and may hold less."""
    oldest_ms: int | None = None
    """Time of the oldest sample that the process holds, `HOLDS_NOTHING` where it has none; None: it does
    not tell."""
    access: str = ""
    """Name of the access profile (`backend_access`) that it is asked with; each service reads the
    credentials where its own configuration says. Empty: none."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong with what somebody wrote."""

    path: str
    """Where: `$.spec.metrics[2]`, or `line 7` when the document cannot be read at all."""
    message: str
    severity: Literal["error", "warning"] = "error"
    object: str = ""
    """`namespace/name` of the MetricAccess, or the file when it has none."""


class LimitedRules(msgspec.Struct, frozen=True, kw_only=True):
    """Rules that permit series of some clusters only."""

    clusters: tuple[str, ...]
    """Sorted; at least one."""
    rules: tuple[RuleMatchers, ...]


class TenantPolicy(Message, frozen=True, kw_only=True):
    """What one tenant may query: the union of its MetricAccess objects (KV `policies`)."""

    tenant: str
    digest: str
    """Digest of the simplified rules that count everywhere. Equal digest, equal permission by them."""
    rules: tuple[RuleMatchers, ...]
    """Permitted is the series that any rule matches. No rules: nothing is permitted."""
    limited: tuple[LimitedRules, ...] = ()
    """Further rules that count in some clusters only. A gateway that does not know them grants less."""
    objects: tuple[str, ...] = ()
    """Names of the MetricAccess objects that the rules come from."""
    problems: tuple[Problem, ...] = ()


class RelabelRule(msgspec.Struct, frozen=True, kw_only=True):
    """One `metric_relabel_configs` step, with Prometheus' names and defaults."""

    source_labels: tuple[str, ...] = ()
    separator: str = ";"
    regex: str = "(.*)"
    modulus: int = 0
    target_label: str = ""
    replacement: str = "$1"
    action: str = "replace"


class LabelSteps(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of permitted series after relabelling; in the order of the fields."""

    elide: tuple[str, ...] = ()
    """Labels that are dropped."""
    rename: dict[str, str] = {}
    """Metric names, old to new."""
    anonymise: tuple[str, ...] = ()
    """Labels whose values are replaced by salted digests; empty values stay."""
    salt: SecretRef | None = None
    """Required where `anonymise` names a label."""


class PushPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Who may push series to a job, and what is demanded of them (receiver)."""

    sources: tuple[str, ...]
    """Ids of the clusters that may push; `*`: every one that holds a credential for this job."""
    id_label: str = "_id"
    """The label that holds the id of the cluster: injected where it is missing."""
    labels: dict[str, str] = {}
    """Labels that every series gets, and that `/authorize` tells clients to set."""
    required: tuple[str, ...] = ()
    """Labels without which a series is rejected."""
    timestamps: Literal["keep", "clamp-future", "overwrite"] = "keep"
    max_age_ms: int = 24 * 3600 * 1000
    """Samples that are older are rejected."""
    interval_ms: int = 270_000
    """The least time between two uploads of one cluster; remote writes are not held to it."""
    strict: bool = False
    """Refuse the whole push where one series would be rejected, as telemeter does."""
    federate: bool = True
    """Whether the newest samples are kept on stream `LATEST`, and served on `/federate`."""


class DeliveryJob(Message, frozen=True, kw_only=True):
    """One MetricAccess with delivery or push switched on (KV `jobs`)."""

    tenant: str
    name: str
    digest: str
    """Digest of everything that decides which bytes are produced; versions caches."""
    rules: tuple[RuleMatchers, ...]
    interval_ms: int
    lookback_ms: int
    """How far back a gap is made up."""
    collection: Literal["raw", "latest"] = "raw"
    protocol: Literal["1.0", "2.0", "auto"] = "1.0"
    extra_labels: dict[str, str] = {}
    honor_labels: bool = False
    """True: the series' own label wins over an extra label of the same name."""
    relabelings: tuple[RelabelRule, ...] = ()
    steps: LabelSteps = LabelSteps()
    endpoints: tuple[Endpoint, ...] = ()
    push: PushPolicy | None = None
    """Set: the samples are pushed by clusters to receivers, and no collector asks for them."""


class PushGroup(Message, frozen=True, kw_only=True):
    """A group that a writer keeps at a Pushgateway, to be deleted with its job (KV `pushes`)."""

    tenant: str
    job: str
    endpoint: Endpoint


class Backfill(Message, frozen=True, kw_only=True):
    """A span of a shard that an endpoint is to get once more from the source (KV `backfills`).

    A writer puts it, with `end_ms` 0 while the endpoint is away, and with the span's end once the
    stream went on without it; `tenantry backfill` puts one by hand. Whoever collects the shard
    answers a request that has an end: it publishes the samples with ``start_ms < t <= end_ms`` on
    `subjects.backfill` and says here how far it is. The writers deliver them before anything that
    is newer, and say when all are. The entry expires minutes after that.
    """

    tenant: str
    job: str
    shard: str
    endpoint: str
    start_ms: int
    """End of the last window that the endpoint has; 0: not known, as far as `lookback` reaches."""
    end_ms: int = 0
    """End of the last window that it missed; 0: the endpoint is still away, nothing is asked."""
    at_ms: int = 0
    """When it was asked for."""
    exact: bool = False
    """Whether the endpoint has nothing of the span for certain. If not, what it refuses for its
    time counts as already stored."""
    by_hand: bool = False
    """Whether a person asked, who may ask for more than the job's `lookback`."""

    done_ms: int = 0
    """Everything up to there is published, or not to be had; 0: nobody has begun (collector)."""
    samples: int = 0
    """Samples published (collector)."""
    lost_ms: int = 0
    """How much of the span is older than `lookback` and was not asked for (collector)."""
    empty_ms: int = 0
    """For how much of the span the source holds nothing (collector)."""
    error: str = ""
    """Why it does not go on at present (collector)."""
    answered_ms: int = 0
    """When all of it was published (collector)."""
    sequence: int = 0
    """Of the last batch; 0: there is none (collector)."""
    refused: int = 0
    """Series that the endpoint did not take, batch by batch, whatever the verdict (writer)."""
    delivered_ms: int = 0
    """When the last batch was settled (writer)."""

    @property
    def id(self) -> str:
        """Names this request in the header of its batches."""
        return f"{self.end_ms}-{self.at_ms}"

    @property
    def is_open(self) -> bool:
        """Whether it asks for something that the endpoint has not got yet."""
        return self.end_ms > 0 and not self.delivered_ms


class Revocation(Message, frozen=True, kw_only=True):
    """Somebody whom receivers do not believe any more, from now on (KV `revocations`)."""

    kind: Literal["token", "credential", "cluster"]
    name: str
    """Id of the token or the credential, or `tenant/job/cluster`."""
    at_ms: int


class LeaseHolder(Message, frozen=True, kw_only=True):
    """Who holds a lease, or who is a live member (KV `leases`)."""

    instance: str
    epoch: int = 0
    """Counts the holders of this lease, for people reading logs."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far one shard of a job has come, at one endpoint when a writer says it."""

    shard: str
    endpoint: str = ""
    window_end_ms: int = 0
    """End of the last window that was published (collector) or stored (writer)."""
    series: int = 0
    """Series in the last window (collector)."""
    samples: int = 0
    """Samples since the instance started."""
    batches: int = 0
    pending: int = 0
    """Batches that wait for this endpoint (writer)."""
    retries: int = 0
    rejected: int = 0
    """Series refused by the endpoint since the instance started (writer)."""
    late: int = 0
    """Samples that could not be made up (collector)."""
    gaps: tuple[tuple[int, int], ...] = ()
    """Spans ``(start, end]`` that left the stream before this endpoint took them and that are not
    made up yet (writer). Start 0: not known."""
    made_up: int = 0
    """Samples that were delivered later because the stream had gone on without this endpoint
    (writer)."""
    missed_ms: int = 0
    """How much of such spans could not be made up: older than `lookback`, or not held by the
    source any more (writer)."""
    last_error: str = ""
    last_error_ms: int = 0


class Report(Message, frozen=True, kw_only=True):
    """What one collector or writer last did for one job (KV `reports`)."""

    tenant: str
    job: str
    component: Literal["collector", "writer"]
    instance: str
    at_ms: int
    progress: tuple[Progress, ...] = ()


_encoder = msgspec.msgpack.Encoder(order="deterministic")


def encode(message: Message) -> bytes:
    """Encode `message`; equal messages give equal bytes."""
    return _encoder.encode(message)


class Decoder[T: Message]:
    """Decode one type of message and refuse what is broken or newer than this code.

    Raises `errors.Undecodable` for bytes that are not this message, and `errors.NewerSchema` for
    a schema that this code does not know.
    """

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._decoder = msgspec.msgpack.Decoder(kind)

    def __call__(self, data: bytes) -> T:
        try:
            message = self._decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise errors.Undecodable(f"not a {self._kind.__name__}: {error}") from error
        if message.schema > SCHEMA:
            raise errors.NewerSchema(
                f"{self._kind.__name__} has schema {message.schema}, this version reads up to "
                f"{SCHEMA}: upgrade this service"
            )
        return message


decode_backend = Decoder(Backend)
decode_policy = Decoder(TenantPolicy)
decode_job = Decoder(DeliveryJob)
decode_lease = Decoder(LeaseHolder)
decode_report = Decoder(Report)
decode_push = Decoder(PushGroup)
decode_backfill = Decoder(Backfill)
decode_revocation = Decoder(Revocation)


def digest(value: object) -> str:
    """Return a stable hexadecimal digest of a msgspec value, for `DeliveryJob.digest`."""
    return hashlib.sha256(_encoder.encode(value)).hexdigest()[:32]

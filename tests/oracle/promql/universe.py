"""The series that everything is asked of: some hundreds, with every trap that is known.

Traps: same labels under different names (at the same time, and taking turns), missing labels,
gaps, staleness, counter resets, NaN and infinities, classic and native histograms, info metrics,
values with newlines, quotes and regex metacharacters, metrics called like keywords, UTF-8.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from random import Random

from tests.oracle.promql import curves, native, wire
from tests.oracle.promql.curves import Curve

type Labels = dict[str, str]
type HistogramCurve = Callable[[Random, range], native.Histograms]

_STEP = 30_000
_NOTHING: curves.Samples = []


@dataclass(frozen=True, kw_only=True)
class Abilities:
    """What the server can store, and so what is stored in it."""

    native_histograms: bool
    custom_buckets: bool
    utf8_names: bool


def _target(namespace: str, job: str, instance: str, zone: str = "", team: str = "") -> Labels:
    return _filled(namespace=namespace, job=job, instance=instance, zone=zone, team=team)


def _filled(**labels: str) -> Labels:
    return {name: value for name, value in labels.items() if value}


_WEB = (
    _target("shop", "web", "10.0.0.1:80", "eu-1", "blue"),
    _target("shop", "web", "10.0.0.2:80", "eu-2", "blue"),
    _target("shop-dev", "web", "10.0.0.4:80", "eu-1"),
    _target("", "web", "10.0.0.7:80"),
)
_API = (
    _target("shop", "api", "10.0.0.3:8080", "eu-1", "blue"),
    _target("shop-dev", "api", "10.0.0.5:8080", "", "green"),
    _target("payments", "api", "10.0.0.6:8080", "us-1", "red"),
)
_NODES = (
    _target("infra", "node", "n1:9100", "eu-1"),
    _target("infra", "node", "n2:9100", "us-1", "red"),
    _target("", "node", "n3:9100", "", "red"),
)
_DBS = (
    _target("payments", "db", "db-0:5432", "us-1", "red"),
    _target("payments", "db", "db-1:5432", "us-2", "red"),
)
TARGETS = (*_WEB, *_API, *_NODES, *_DBS)

VALUES_OF_TEXT = (
    "plain", "with space", "new\nline", "a\nb", "tab\there", 'quo"te', "it's", "back\\slash", "`tick`",
    "a.b", "aXb", "a|b", "a", "b", "A", "B", "\ufb01", "fi", "Kelvin", "\u212a", "a\u212a", "|foo|", "|foo-bar|", "(group)", "[set]", "{brace}", "^anchor$", "star*", "plus+", "q?",
    "Ünïcode", "ünïcode", "日本語", "emoji 🙂", "\u017fharp", "\u212aelvin", "K", "k", "/api/v1/items", "/api/v2/items",
    "/", "100%", "$1", "${1}", "-", "0", "01", "1e3", "NaN", "UPPER", "upper", "x" * 200,
)  # fmt: skip
_KEYWORDS = ("sum", "count", "by", "offset", "and", "on", "bool", "inf", "start", "group_left")


def build(abilities: Abilities) -> list[wire.Series]:
    """Return all series; equal abilities give equal series."""
    made = [_of_floats(labels, curve) for labels, curve in _floats(abilities)]
    if abilities.native_histograms:
        made += [_of_histograms(labels, curve) for labels, curve in _histograms(abilities)]
        made += [_mixed(labels) for labels in _each(TARGETS[:6], "rpc_mixed_seconds")]
    if len({tuple(sorted(one.labels.items())) for one in made}) != len(made):
        raise AssertionError("two series of the universe have the same labels")
    return made


def _times(labels: Mapping[str, str]) -> range:
    # An own offset for each target, so that samples of different targets are never at one time.
    target = labels.get("instance", "") + labels.get("namespace", "")
    return range(curves.START + zlib.crc32(target.encode()) % 20_000, curves.END, _STEP)


def _random(labels: Mapping[str, str]) -> Random:
    return Random(repr(sorted(labels.items())))  # noqa: S311 - data of tests


def _of_floats(labels: Labels, curve: Curve) -> wire.Series:
    return wire.series(labels, curve(_random(labels), _times(labels)), [])


def _of_histograms(labels: Labels, curve: HistogramCurve) -> wire.Series:
    return wire.series(labels, _NOTHING, curve(_random(labels), _times(labels)))


def _mixed(labels: Labels) -> wire.Series:
    """Make a series that is a float for half an hour, then a histogram for half an hour, and so on."""
    times = _times(labels)
    floats = curves.gappy(curves.counter, phase=0, period=30)(_random(labels), times)
    taken = {time for time, _ in floats}
    histograms = [
        one for one in native.exponential(_random(labels), times) if one.timestamp not in taken
    ]
    return wire.series(labels, floats, histograms)


def _each(targets: Iterable[Labels], *names: str, **more: Iterable[str]) -> Iterator[Labels]:
    """Yield label sets: each name on each target, with every combination of further labels."""
    combinations: list[Labels] = [{}]
    for label, values in more.items():
        combinations = [{**known, label: value} for known in combinations for value in values]
    for name in names:
        for target in targets:
            for further in combinations:
                yield {"__name__": name, **target, **further}


def _floats(abilities: Abilities) -> Iterator[tuple[Labels, Curve]]:
    for labels in _families():
        yield labels, _CURVES.get(labels["__name__"], curves.gauge)
    yield from _classic_histograms()
    yield from _taking_turns()
    yield from _odd_ones()
    if abilities.utf8_names:
        yield from _utf8()


_CURVES: dict[str, Curve] = {
    "up": curves.binary,
    "process_start_time_seconds": curves.epoch,
    "queue_depth": curves.slow,
    "replicas_wanted": curves.slow,
    "restarts_total": curves.resetting,
    "restarts_old_total": curves.resetting,
    "target_info": curves.one,
    "build_info": curves.one,
    "kube_pod_info": curves.one,
    "ALERTS": curves.ending(curves.one),
    "sessions_stale": curves.ending(curves.gauge),
    "requests_stale_total": curves.ending(curves.counter),
    "sparse_gauge": curves.sparse,
    "seen_once": curves.once,
    **dict.fromkeys(
        (
            "http_requests_total", "http_errors_total", "http_response_size_bytes_sum",
            "http_response_size_bytes_count", "node_cpu_seconds_total", "db_queries_total",
            "node_network_receive_bytes_total", "node_network_transmit_bytes_total",
            "process_cpu_seconds_total",
        ),
        curves.counter,
    ),
}  # fmt: skip


def _families() -> Iterator[Labels]:
    """The ordinary metrics of ordinary exporters."""
    yield from _each(TARGETS, "up", "scrape_duration_seconds", "scrape_samples_scraped")
    yield from _each(TARGETS, "process_cpu_seconds_total", "process_resident_memory_bytes")
    yield from _each(TARGETS[:6], "process_start_time_seconds")
    served = (*_WEB, *_API)
    yield from _each(
        served, "http_requests_total", "http_errors_total",
        code=("200", "404", "500"), method=("GET", "POST"),
    )  # fmt: skip
    yield from _each(served, "http_inflight", "job:http_requests:rate5m")
    yield from _each(served, "http_response_size_bytes", quantile=("0.5", "0.9", "0.99"))
    yield from _each(served, "http_response_size_bytes_sum", "http_response_size_bytes_count")
    yield from _each(
        _NODES, "node_cpu_seconds_total", cpu=("0", "1"), mode=("idle", "user", "system")
    )
    yield from _each(
        _NODES, "node_load1", "node_load5", "node_memory_free_bytes", "node_memory_total_bytes"
    )
    yield from _each(
        _NODES, "node_filesystem_free_bytes", "node_filesystem_size_bytes",
        mountpoint=("/", "/var", "/srv/data"), fstype=("ext4",),
    )  # fmt: skip
    yield from _each(
        _NODES, "node_network_receive_bytes_total", "node_network_transmit_bytes_total",
        device=("eth0", "lo"),
    )  # fmt: skip
    yield from _each(_DBS, "db_connections", db=("orders", "users"), state=("active", "idle"))
    yield from _each(_DBS, "db_queries_total", db=("orders", "users"), op=("select", "insert"))
    yield from _each(TARGETS, "target_info", version=("1.2.0",), cluster=("eu",))
    yield from _each(TARGETS[::2], "build_info", version=("1.2.0", "1.3.0-rc.1"))
    yield from _each(TARGETS[:5], "kube_pod_info", node=("n1", "n2"))
    yield from _each(TARGETS[:6], "queue_depth", "replicas_wanted", queue=("mail", "jobs"))
    yield from _each(TARGETS[:5], "restarts_total", "restarts_old_total")
    yield from _each(
        TARGETS[:4], "ALERTS", alertname=("Down", "Slow"), alertstate=("firing", "pending")
    )
    yield from _each(TARGETS[:5], "sessions_stale", "requests_stale_total")
    yield from _each(TARGETS[:4], "sparse_gauge")
    yield from _each(TARGETS[:4], "seen_once")


def _classic_histograms() -> Iterator[tuple[Labels, Curve]]:
    limits = ("0.1", "0.5", "1", "2.5", "+Inf")
    for target in (*_WEB, *_API):
        for name in ("http_request_duration_seconds", "http_wait_seconds"):
            for index, limit in enumerate(limits):
                labels = {"__name__": f"{name}_bucket", **target, "le": limit}
                yield labels, _cumulative(index + 1, target["instance"])
            yield {"__name__": f"{name}_sum", **target}, curves.counter
            yield (
                {"__name__": f"{name}_count", **target},
                _cumulative(len(limits), target["instance"]),
            )


def _cumulative(buckets: int, seed: str) -> Curve:
    """Return the count of the first `buckets` buckets; they are drawn alike for one histogram."""

    def curve(_: Random, times: Iterable[int]) -> curves.Samples:
        rng = Random(seed)  # noqa: S311 - data of tests
        counts, samples = [0.0] * 5, []
        for time in times:
            counts = [count + rng.randrange(5) for count in counts]
            samples.append((time, sum(counts[:buckets])))
        return samples

    return curve


def _taking_turns() -> Iterator[tuple[Labels, Curve]]:
    """Metrics of equal labels that take turns, and one beside them.

    Those called turn are seen for a while after their last sample, those called relay are not.
    """
    for target in (*TARGETS[:6], {"job": "turns"}, {"team": "red"}):
        yield {"__name__": "turn_even", **target}, curves.gappy(curves.counter, phase=0)
        yield {"__name__": "turn_odd", **target}, curves.gappy(curves.counter, phase=1)
        yield {"__name__": "turn_always", **target}, curves.counter
        yield {"__name__": "relay_even", **target}, curves.relayed(curves.counter, phase=0)
        yield {"__name__": "relay_odd", **target}, curves.relayed(curves.counter, phase=1)


def _odd_ones() -> Iterator[tuple[Labels, Curve]]:
    yield {"__name__": "lonely"}, curves.gauge
    yield {"__name__": "lonely_too"}, curves.gauge
    for kind in ("a", "b", "c", "d"):
        yield {"__name__": "special_values", "kind": kind}, curves.special
        yield {"__name__": "special_twins", "kind": kind}, curves.special
    for number, value in enumerate(("NaN", "+Inf", "-Inf", "-0.0", "0", "1")):
        yield {"__name__": "constant", "kind": f"k{number}"}, curves.only(float(value))
    for value in VALUES_OF_TEXT:
        yield {"__name__": "texts", "text": value, "job": "odd"}, curves.gauge
    for value in VALUES_OF_TEXT[::3]:
        yield {"__name__": "texts_too", "text": value, "job": "odd"}, curves.gauge
    for word in _KEYWORDS:
        yield {"__name__": word, "job": "odd", "namespace": "shop"}, curves.gauge
    for namespace in ("shop", "infra", ""):
        # Grouping labels that are keywords.
        yield _filled(__name__="keyword_labels", namespace=namespace, by="x", on="y"), curves.gauge
        yield _filled(__name__="le_text", namespace=namespace, le="many", job="odd"), curves.counter


def _histograms(abilities: Abilities) -> Iterator[tuple[Labels, HistogramCurve]]:
    for labels in _each(TARGETS[:7], "rpc_seconds", "rpc_twin_seconds"):
        yield labels, native.exponential
    for labels in _each(TARGETS[:4], "rpc_resets_seconds"):
        yield labels, lambda rng, times: native.exponential(rng, times, resets=True)
    for labels in _each(TARGETS[:4], "rpc_gauge"):
        yield labels, native.gauges
    if abilities.custom_buckets:
        for labels in _each(TARGETS[:4], "rpc_custom_seconds"):
            yield labels, native.custom


def _utf8() -> Iterator[tuple[Labels, Curve]]:
    for target in TARGETS[:6]:
        dotted = {"service.name": target["job"], "k8s.pod/name": target["instance"]}
        yield {"__name__": "http.server.requests", **target, **dotted}, curves.counter
        yield {"__name__": "http.server.errors", **target, **dotted}, curves.counter
        yield {"__name__": "温度", **target, "место": "дом"}, curves.gauge

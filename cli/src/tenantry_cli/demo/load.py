"""What the demo's shared Prometheus servers scrape: an estate of several teams, made of arithmetic.

`exposition(job, now)` is a pure function of the time, so that both servers of an HA pair see the
same world, each at its own instants. It holds what makes exactness hard: one metric name in several
namespaces, pods that come and go (so series end with stale markers), NaN and infinities, counters
that reset, histograms, series without a namespace.
"""

import argparse
import asyncio
import math
import time
from collections.abc import Iterator

from aiohttp import web

_POD_LIFE_SECONDS = 20
_RESET_SECONDS = 45
_BUCKETS = (0.05, 0.1, 0.5, 1.0, math.inf)

type Labels = dict[str, str]
type Sample = tuple[str, Labels, float]


def exposition(job: str, now: float) -> str | None:
    """Return what `job` exposes at `now` (seconds), in text format; None for an unknown job."""
    samples = _JOBS.get(job)
    if samples is None:
        return None
    return "".join(_line(*sample) for sample in samples(now))


def jobs() -> tuple[str, ...]:
    """Return the names of the scrape jobs."""
    return tuple(_JOBS)


def _line(name: str, labels: Labels, value: float) -> str:
    inner = ",".join(f'{label}="{text}"' for label, text in labels.items())
    return f"{name}{{{inner}}} {_number(value)}\n"


def _number(value: float) -> str:
    return {math.inf: "+Inf", -math.inf: "-Inf"}.get(value, repr(value))


def _pods(namespace: str, count: int, now: float) -> Iterator[Labels]:
    """Yield the labels of the pods alive at `now`; each is replaced at an instant of its own."""
    for number in range(count):
        generation = int((now + number * 3) // _POD_LIFE_SECONDS)
        yield {"namespace": namespace, "pod": f"{namespace}-{number}-{generation % 97:02d}"}


def _http(namespace: str, pods: int, now: float) -> Iterator[Sample]:
    for number, pod in enumerate(_pods(namespace, pods, now)):
        age = now % _RESET_SECONDS
        for code, rate in (("200", 17.0), ("404", 1.3), ("500", 0.25)):
            count = math.floor(rate * age * (number + 1))
            yield "http_requests_total", {**pod, "code": code}, float(count)
        seen = 0
        for bound in _BUCKETS:
            seen += math.floor(age * (3 + number))
            bucket = {**pod, "le": "+Inf" if bound == math.inf else str(bound)}
            yield "http_request_duration_seconds_bucket", bucket, float(seen)
        yield "http_request_duration_seconds_sum", pod, seen * 0.137
        yield "http_request_duration_seconds_count", pod, float(seen)


def _queues(namespace: str, names: tuple[str, ...], now: float) -> Iterator[Sample]:
    for number, queue in enumerate(names):
        labels = {"namespace": namespace, "queue": queue}
        depth = max(0.0, math.floor(8 * math.sin(now / 7 + number)))
        yield "queue_depth", labels, depth
        yield "queue_oldest_age_seconds", labels, now % 13 / 3 if depth else math.nan
        yield "queue_drain_rate", labels, 1 / depth if depth else math.inf


def _web(now: float) -> Iterator[Sample]:
    yield from _http("team-web", 6, now)
    yield from _queues("team-web", ("orders", "mails"), now)


def _batch(now: float) -> Iterator[Sample]:
    yield from _queues("team-batch", ("nightly", "hourly"), now)
    for result in ("success", "failure"):
        labels = {"namespace": "team-batch", "result": result}
        yield (
            "batch_runs_total",
            labels,
            float(math.floor(now / (7 if result == "success" else 90))),
        )
    yield from _http("team-batch", 2, now)


def _vault(now: float) -> Iterator[Sample]:
    yield from _http("team-secret", 4, now)
    yield from _queues("team-secret", ("audit",), now)
    yield "vault_secrets_total", {"namespace": "team-secret"}, float(math.floor(now / 3))


def _node(now: float) -> Iterator[Sample]:
    for number in range(3):
        yield "node_load1", {"node": f"node-{number}"}, 1 + math.sin(now / 11 + number) / 3


_JOBS = {"web": _web, "batch": _batch, "vault": _vault, "node": _node}


async def _serve(host: str, port: int) -> None:
    async def metrics(request: web.Request) -> web.Response:
        text = exposition(request.match_info["job"], time.time())
        if text is None:
            raise web.HTTPNotFound
        return web.Response(text=text, headers={"Content-Type": "text/plain; version=0.0.4"})

    app = web.Application()
    app.router.add_get("/metrics/{job}", metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    await asyncio.Event().wait()


def main() -> None:
    """Serve `/metrics/<job>` until killed."""
    parser = argparse.ArgumentParser(description="load source of the Tenantry demo")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments.host, arguments.port))


if __name__ == "__main__":
    main()

"""CPU seconds per million samples of the collector's pure path, beside a plain protobuf parse.

    python tests/bench/bench_collector.py [--series 100000] [--samples 3] [--rounds 3] [--overlap 15]

One line for each: the first window of a shard (every label set is new), a window in which every
series is known, one in which labels change on the way, and, as a measure of the machine, protobuf's
own parse of the same bytes into objects. Compare only figures of one run.
"""

import argparse
import random
import struct
import sys
import time
from collections.abc import Callable, Iterator

from collector.batch import Limits
from collector.encode import Encoding
from collector.labelcache import LabelCache
from collector.schedule import Window
from collector.transform import Transform
from tenantry_common import protowire, remote_write, snappy_block
from tenantry_common.contracts import Backend, DeliveryJob, Matcher, RelabelRule
from tenantry_common.proto import remote_pb2

START = 1_700_000_000_000
INTERVAL = 30_000
LIMITS = Limits(series=10_000, size=4_000_000)
REPLICA = {"prometheus_replica": "a"}
BACKEND = Backend(
    id="a", url="", ha_set="s", external_labels={"cluster": "eu1"}, replica_labels=REPLICA
)


def job(relabelings: tuple[RelabelRule, ...] = ()) -> DeliveryJob:
    return DeliveryJob(
        tenant="t",
        name="j",
        digest="d",
        rules=((Matcher("namespace", "=", "shop"),),),
        interval_ms=30_000,
        lookback_ms=0,
        relabelings=relabelings,
        extra_labels={"tenant": "shop"},
    )


def label_sets(count: int) -> Iterator[dict[str, str]]:
    for n in range(count):
        target = n // 500
        yield {
            "__name__": f"http_request_duration_seconds_{n % 50}",
            "cluster": "eu1",
            "instance": f"10.0.{target // 250}.{target % 250}:8080",
            "job": "checkout",
            "le": str(n % 500 // 50),
            "namespace": "shop",
            "pod": f"checkout-7d9f8b6c5d-{target:05d}",
            "prometheus_replica": "a",
        }


def answer(
    heads: list[bytes], window: int, samples: int, overlap: int, rng: random.Random
) -> bytes:
    """Return a read response: per target one scrape every 30 s / `samples`, a third are zeroes.

    It begins with the last `overlap` ms of the window before; the first window has none.
    """
    start = START + window * INTERVAL
    series = []
    step = INTERVAL // samples
    for n, head in enumerate(heads):
        phase = START + 1 + hash((n // 500, 7)) % step
        after = start - (overlap if window else 0)
        first = phase + -(-(after + 1 - phase) // step) * step
        row = [
            _sample(0 if n % 3 == 0 else rng.random(), stamp)
            for stamp in range(first, start + INTERVAL + 1, step)
        ]
        series.append(remote_write.time_series(head, b"".join(row)))
    return protowire.delimited(1, b"".join(series))


def _sample(value: float, timestamp: int) -> bytes:
    bits = b"\x09" + struct.pack("<d", value) if value else b""
    return protowire.delimited(2, bits + b"\x10" + protowire.varint(timestamp))


def measure(rounds: int, work: Callable[[], object], before: Callable[[], object]) -> float:
    """Return the CPU seconds of the quickest round."""
    best = float("inf")
    for _ in range(rounds):
        before()
        begun = time.process_time()
        work()
        best = min(best, time.process_time() - begun)
    return best


class Path:
    """Decode, filter, relabel and encode one window after the other."""

    def __init__(self, work: DeliveryJob, blocks: list[bytes], overlap: int) -> None:
        self._job = work
        self._overlap = overlap
        self._blocks = blocks
        self.forget()

    def forget(self) -> None:
        self._cache = LabelCache(Transform(self._job, BACKEND), limit=1_000_000)
        self._window = 0

    def step(self) -> Encoding:
        number = self._window
        self._window += 1
        window = Window(START + number * INTERVAL, START + number * INTERVAL + INTERVAL)
        reach = self._cache.reach(window.start_ms, self._overlap)
        encoding = Encoding(self._cache, window, LIMITS, reach=reach)
        for _ in encoding.run(snappy_block.decompress(self._blocks[number], limit=1 << 30)):
            pass
        self._cache.published(window)
        return encoding


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=100_000)
    parser.add_argument("--samples", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--overlap", type=int, default=15, help="seconds")
    options = parser.parse_args()
    overlap = options.overlap * 1000
    rng = random.Random(1)  # the same answer in every run
    heads = [remote_write.encode_labels(labels) for labels in label_sets(options.series)]
    count = 3 + 3 * options.rounds
    answers = [answer(heads, w, options.samples, overlap, rng) for w in range(count)]
    blocks = [snappy_block.compress(one) for one in answers]
    millions = options.series * options.samples / 1e6
    relabelings = (
        RelabelRule(source_labels=("__name__",), regex="http_(.+)", target_label="family"),
        RelabelRule(regex="job", action="labeldrop"),
        RelabelRule(source_labels=("instance",), regex="10\\.9\\..*", action="drop"),
    )
    plain, relabelled = Path(job(), blocks, overlap), Path(job(relabelings), blocks, overlap)
    for path in (plain, relabelled):
        tally = path.step().tally
        sys.stdout.write(f"{tally}\n")

    def report(name: str, seconds: float) -> None:
        sys.stdout.write(f"{name:28} {seconds / millions:8.3f} CPU s per million samples\n")

    report("cold", measure(options.rounds, plain.step, plain.forget))
    report("cold, three relabel rules", measure(options.rounds, relabelled.step, relabelled.forget))
    plain.forget()
    for _ in range(3):
        plain.step()
    warm = measure(options.rounds * 3, plain.step, lambda: None)
    report("warm", warm)
    relabelled.forget()
    for _ in range(3):
        relabelled.step()
    report("warm, three relabel rules", measure(options.rounds * 3, relabelled.step, lambda: None))
    parse = measure(
        options.rounds, lambda: remote_pb2.ReadResponse.FromString(answers[0]), lambda: None
    )
    report("protobuf parse alone", parse)
    sys.stdout.write(f"warm path / protobuf parse    {warm / parse:7.2f}\n")


if __name__ == "__main__":
    main()

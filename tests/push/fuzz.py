"""Look for bodies that a receiver neither takes nor refuses: `make fuzz-push ARGS="-max_total_time=60"`.

Guided by coverage (atheris); the first byte of an input chooses how the rest of it is announced. What
a receiver may raise is a refusal or `errors.Undecodable`; everything else ends the run and writes the
body down. What is taken goes on to the messages that would be stored, and to the page of `/federate`.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["receiver", "tenantry_common"]):
    from receiver import admit, formats, messages, refusal, testing, verdicts
    from receiver.bodies import Bounds
    from receiver.federate.newest import Newest
    from receiver.federate.protobuf import Protobuf
    from receiver.federate.text import OpenMetrics, Text
    from receiver.stamps import Stamps
    from receiver.verdicts import Court, Memory, Rulings
    from tenantry_common import errors, snappy_block, subjects
    from tenantry_common.contracts import PushPolicy
    from tenantry_common.proto import remote_pb2, remote_v2_pb2

NOW_MS = 1_790_000_000_000
CLUSTER = "cluster-a"
POLICY = PushPolicy(sources=("*",), labels={"fleet": "eu"}, required=("_id",))
BOUNDS = Bounds(size=512_000, decoded=512_000, seconds=1.0)
ANNOUNCED = (
    lambda: formats.upload(testing.PROTOBUF, None),
    lambda: formats.upload(testing.PROTOBUF, "snappy"),
    lambda: formats.upload("text/plain; version=0.0.4", None),
    lambda: formats.written("application/x-protobuf", "snappy"),
    lambda: formats.written(
        "application/x-protobuf;proto=io.prometheus.write.v2.Request", "snappy"
    ),
)
RULINGS = Rulings(testing.job(POLICY), POLICY, b"salt")
FORMATS = (Text(utf8=True), Text(utf8=False), OpenMetrics(utf8=True), Protobuf(utf8=True))


def push(data: bytes) -> None:
    """Push one body, announced as its first byte says; return when it was taken or refused."""
    announced = ANNOUNCED[data[0] % len(ANNOUNCED)]() if data else ANNOUNCED[0]()
    try:
        collected = announced.collect(BOUNDS)
        collected.feed(data[1:])
        groups, types = announced.decode(collected.finish())
        court = Court(RULINGS, b"version", Memory(1000), CLUSTER)
        admitted = admit.admit(groups, court, Stamps(POLICY, NOW_MS), strict=False)
        admitted.take_types(types)
    except (errors.Undecodable, errors.TooLarge, refusal.Refused, verdicts.Foreign):
        return
    if not admitted.series:
        return
    every = messages.pieces(admitted)
    messages.samples(every, admitted.window, testing.JOB, CLUSTER, "digest", "version")
    latest = messages.newest(admitted, every)
    whole = messages.whole(latest, admitted.types, testing.JOB, CLUSTER, "digest")
    newest = Newest()
    for format in FORMATS:
        newest.index(format, 0.0)
    newest.apply(subjects.parse_latest(whole.subject), whole.data, 600.0)


def seeds() -> Iterator[bytes]:
    """Yield a body of each kind that is taken."""
    stamp = NOW_MS - 1000
    family = testing.family("up", [({"_id": CLUSTER, "job": "x"}, 1.0, stamp)], "GAUGE")
    yield b"\0" + family
    yield b"\1" + testing.frames(family)
    yield b'\2# TYPE up gauge\nup{a="b"} 1 %d\n' % stamp
    request = remote_pb2.WriteRequest()
    series = request.timeseries.add()
    series.labels.add(name="__name__", value="up")
    series.samples.add(value=1.0, timestamp=stamp)
    yield b"\3" + snappy_block.compress(request.SerializeToString())
    newer = remote_v2_pb2.Request(symbols=["", "__name__", "up"])
    series_v2 = newer.timeseries.add(labels_refs=[1, 2])
    series_v2.samples.add(value=1.0, timestamp=stamp)
    yield b"\4" + snappy_block.compress(newer.SerializeToString())


def main() -> None:
    """Run until the arguments of libFuzzer, or Ctrl-C, say that it is enough."""
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds()):
            push(seed)
            (Path(corpus) / f"{number}").write_bytes(seed)
        atheris.Setup([*sys.argv, corpus], push)
        atheris.Fuzz()


if __name__ == "__main__":
    main()

"""What the gateway costs: requests per second, delay, CPU and memory, beside asking Prometheus directly.

    python -m tests.bench.gateway [--seconds 2] [--only small]

Real Prometheus, real nats-server, the gateway as a process, the load a process of its own. Ratios
are to asking Prometheus directly for the rewritten query, with the same load. CPU is what the kernel
counts for the gateway's process. On cores that others use too, even that can double: the same
queries through a proxy of plain aiohttp say what the machine is worth. Compare only figures of one
run. The last line is about queries whose rewriting is remembered, at as many connections as the
proxy has: what dashboards send.
"""

import argparse
import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.bench.gateway import asked, estate, process
from tests.bench.gateway.asked import Case
from tests.bench.gateway.estate import Running
from tests.bench.gateway.load import Done, Order, in_a_process

from tenantry_local.ports import LOOPBACK

_CONNECTIONS = (1, 16, 128)
_USUAL = 16
"""Connections at which the last line and the yardstick are measured. With one, each query pays for
waking the process up."""
_WARM_SECONDS = 0.5
_ROUNDS = 3
"""Of which the best one counts where CPU is compared: what else the machine does can only add."""


@dataclass(frozen=True)
class Measured:
    """One case at one number of connections."""

    case: Case
    connections: int
    direct: Done
    through: Done
    cpu_seconds: float

    @property
    def ratio(self) -> float:
        """Requests per second, as a share of those of Prometheus alone."""
        return self.through.per_second / self.direct.per_second

    @property
    def cpu_us(self) -> float:
        """CPU microseconds per answer."""
        return self.cpu_seconds / self.through.answers * 1e6


async def cpu_of(pid: int, order: Order) -> tuple[Done, float]:
    """Return what came of the load, and the CPU seconds that the process used for it."""
    before = process.cpu_seconds(pid)
    done = await in_a_process(order)
    return done, process.cpu_seconds(pid) - before


async def best_of(rounds: int, pid: int, order: Order) -> tuple[Done, float]:
    """Return what `cpu_of` says of the round with the least CPU per answer."""
    found = [await cpu_of(pid, order) for _ in range(rounds)]
    return min(found, key=lambda one: one[1] / one[0].answers)


async def measure(running: Running, case: Case, connections: int, seconds: float) -> Measured:
    """Ask directly, then through the gateway."""

    def order(port: int, requests: list[bytes], seconds: float = seconds) -> Order:
        return Order(LOOPBACK, port, requests, connections, seconds)

    direct = asked.requests(case.path, case.direct, {})
    through = asked.requests(case.path, case.through, case.headers)
    is_small = case.path.endswith("query")
    # Connections, Prometheus' heap, specialised code.
    warm = _WARM_SECONDS if is_small else 0.0
    await in_a_process(order(running.prometheus.port, direct, warm))
    alone = await in_a_process(order(running.prometheus.port, direct))
    if is_small:
        await in_a_process(order(running.gateway.port, through[:1], warm))
    rounds = _ROUNDS if is_small and connections == _USUAL else 1
    done, cpu = await best_of(rounds, running.pid, order(running.gateway.port, through))
    return Measured(case, connections, alone, done, cpu)


async def yardstick(running: Running, case: Case, seconds: float) -> float:
    """Return the CPU microseconds per query of the plain proxy."""
    requests = asked.requests(case.path, case.direct, {})
    order = Order(LOOPBACK, running.plain_port, requests, _USUAL, seconds)
    done, cpu = await best_of(_ROUNDS, running.plain_pid, order)
    return cpu / done.answers * 1e6


def show(found: Measured) -> Measured:
    """Print one row; return what it is about."""
    one, other = found.through, found.direct
    print(
        f"{found.case.name:42} {found.connections:4} "
        f"{other.per_second:9.1f} {one.per_second:9.1f} {found.ratio:6.2f} "
        f"{(one.p50 - other.p50) * 1e3:+9.2f} ({one.p50 / other.p50:5.2f}) "
        f"{(one.p99 - other.p99) * 1e3:+9.2f} ({one.p99 / other.p99:5.2f}) "
        f"{found.cpu_us:9.0f}",
        flush=True,
    )
    return found


async def memory(running: Running) -> None:
    """Print what the process holds while a large answer streams through."""
    case = asked.large(running, "200 MB", "[0-1]...")
    requests = asked.requests(case.path, case.through, case.headers)
    before = process.resident_mib(running.pid)
    process.forget_peak(running.pid)
    done = await in_a_process(Order(LOOPBACK, running.gateway.port, requests, 1, 0.0))
    peak = process.peak_mib(running.pid)
    print(
        f"\nmemory: {done.size / 1e6:.0f} MB streamed through; resident {before:.1f} MiB before, "
        f"{peak:.1f} MiB at the peak ({peak - before:+.1f})"
    )


async def main(seconds: float, only: str) -> None:
    """Measure, and print a table and a last line for machines."""
    with tempfile.TemporaryDirectory() as folder:
        async with estate.running(Path(folder)) as running:
            print(
                f"{'what':42} conn  direct/s through/s  ratio   added p50, ms      added p99, ms    "
                "  CPU, µs"
            )
            plain = await yardstick(running, next(asked.small(running)), seconds)
            small = [
                show(await measure(running, case, connections, seconds))
                for case in asked.small(running)
                if only in case.name
                for connections in _CONNECTIONS
            ]
            large = asked.large(running, "10 MB, trusted-header", "00..")
            if only in large.name:
                for connections in _CONNECTIONS:
                    # With many, one answer for each is enough.
                    begin = seconds if connections <= _USUAL else 0.0
                    show(await measure(running, large, connections, begin))
            if not only:
                await memory(running)
    print(f"yardstick: a plain aiohttp proxy uses {plain:.0f} µs per query")
    usual = [one for one in small if one.connections == _USUAL and not one.case.is_new]
    if usual:
        cpu = sum(one.cpu_us for one in usual) / len(usual)
        ratio = sum(one.ratio for one in usual) / len(usual)
        print(f"bench: cpu_us_per_query={cpu:.0f} ratio_vs_direct={ratio:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gateway")
    parser.add_argument("--seconds", type=float, default=2.0, help="of load for each row and side")
    parser.add_argument("--only", default="", help="rows whose name holds this")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.seconds, arguments.only))

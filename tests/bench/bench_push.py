"""What a push costs, and that nothing is lost while a receiver, a writer and a NATS node are killed.

`make bench-push ARGS="--seconds 60 --rate 100 --clusters 200"`. Two receivers and two writers around
three nats-servers and a real Prometheus; all of it on this machine.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.push import account, load, plant
from tests.bench.push.plant import Plant


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=100.0, help="uploads per second")
    parser.add_argument("--clusters", type=int, default=200)
    parser.add_argument("--quiet", action="store_true", help="kill nothing")
    return parser.parse_args()


async def _kill(running: Plant, seconds: float) -> int:
    """Kill one of each kind, spread over the time; return how many."""
    kills: list[Callable[[], Awaitable[None]]] = [
        running.kill_receiver,
        running.kill_writer,
        running.kill_node,
    ]
    for kill in kills:
        await asyncio.sleep(seconds / (len(kills) + 1))
        await kill()
    return len(kills)


async def main() -> int:
    """Print the figures; return 0 if nothing was lost."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="bench-push-") as folder:
        async with plant.running(Path(folder)) as running:
            pushing = load.clusters(arguments.clusters, running.issuer)
            before = running.processor_seconds()
            async with asyncio.TaskGroup() as group:
                pushed = group.create_task(
                    load.push(running.urls, pushing, arguments.rate, arguments.seconds)
                )
                killed = (
                    None
                    if arguments.quiet
                    else group.create_task(_kill(running, arguments.seconds))
                )
            said = pushed.result()
            spent = running.processor_seconds() - before
            kills = killed.result() if killed else 0
            missing = await account.lost(running, said)
    for text, count in Counter(said.failures).most_common():
        print(f"  {count} tried again: {text}")
    quantiles = statistics.quantiles(said.seconds, n=100)
    print(
        f"  answered after {quantiles[49] * 1e3:.1f} ms (median), {quantiles[98] * 1e3:.0f} ms (p99)"
    )
    print(
        f"push: uploads_per_s={len(said.accepted) / arguments.seconds:.1f} "
        f"cpu_ms_per_upload={spent / len(said.accepted) * 1e3:.2f} lost={missing} kills={kills}"
    )
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

"""Compare relabelling with that of a real Prometheus, rule list by rule list, through real scrapes.

    python -m tests.oracle.relabel.run --comparisons 10000

The last line is `relabel: compared=… different=…`; exit status 1 when anything differs.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.oracle.relabel import compare
from tests.oracle.relabel.compare import Verdict

from tenantry_local.prometheus import Prometheus
from tenantry_local.supervisor import Supervisor

LABEL_SETS = 12


async def run(cases: range, directory: Path) -> Verdict:
    """Start a server, let it scrape all cases, and compare."""
    async with compare.targets(LABEL_SETS) as address, Supervisor(directory) as supervisor:
        prometheus = Prometheus(
            directory / "prometheus",
            scrape_configs=compare.scrape_configs(cases, address),
            scrape_interval="20s",
        )
        await supervisor.start(prometheus)
        return await compare.compare(prometheus.url, cases, LABEL_SETS, address)


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comparisons", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=1000, help="number of the first case")
    arguments = parser.parse_args()
    count = -(-arguments.comparisons // LABEL_SETS)
    with tempfile.TemporaryDirectory(prefix="oracle-relabel-") as directory:
        verdict = asyncio.run(run(range(arguments.first, arguments.first + count), Path(directory)))
    for example in verdict.examples[:10]:
        sys.stderr.write(f"{example}\n")
    sys.stdout.write(f"relabel: compared={verdict.compared} different={verdict.different}\n")
    sys.exit(1 if verdict.different or not verdict.compared else 0)


if __name__ == "__main__":
    main()

"""Start the query gateway: ``query-gateway --config FILE [--workers N]``."""

import uvloop

from query_gateway import config
from query_gateway.workers import supervisor
from tenantry_common import runtime

_OPTIONS = {"workers": "processes that serve the tenants' port"}


def main() -> None:
    """Run the process; does not return, exits."""
    runtime.run(
        "query-gateway",
        config.Config,
        supervisor.main,
        options=_OPTIONS,
        loop_factory=uvloop.new_event_loop,
    )


if __name__ == "__main__":
    main()

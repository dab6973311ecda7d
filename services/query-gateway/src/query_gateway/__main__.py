"""Start the query gateway: ``query-gateway --config FILE``."""

import uvloop

from query_gateway import app, config
from tenantry_common import runtime


def main() -> None:
    """Run the process; does not return, exits."""
    runtime.run("query-gateway", config.Config, app.main, loop_factory=uvloop.new_event_loop)


if __name__ == "__main__":
    main()

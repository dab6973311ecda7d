"""`python -m collector`, and the script `collector`."""

import uvloop

from collector import app
from collector.config import Config
from tenantry_common import runtime


def main() -> None:
    """Run the service; does not return."""
    runtime.run("collector", Config, app.main, loop_factory=uvloop.new_event_loop)


if __name__ == "__main__":
    main()

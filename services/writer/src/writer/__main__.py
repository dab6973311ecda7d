"""`python -m writer`, and the script `writer`."""

import uvloop

from tenantry_common import runtime
from writer import app
from writer.config import Config


def main() -> None:
    """Run the service; does not return."""
    runtime.run("writer", Config, app.main, loop_factory=uvloop.new_event_loop)


if __name__ == "__main__":
    main()

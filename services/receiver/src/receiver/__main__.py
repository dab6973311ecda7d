"""`python -m receiver`, and the script `receiver`."""

import uvloop

from receiver import app
from receiver.config import Config
from tenantry_common import runtime


def main() -> None:
    """Run the service; does not return."""
    runtime.run("receiver", Config, app.main, loop_factory=uvloop.new_event_loop)


if __name__ == "__main__":
    main()

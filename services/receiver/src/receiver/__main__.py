"""`python -m receiver`, and the script `receiver`."""

from receiver import app
from receiver.config import Config
from tenantry_common import runtime


def main() -> None:
    """Run the service; does not return."""
    runtime.run("receiver", Config, app.main)


if __name__ == "__main__":
    main()

"""`python -m collector`, and the script `collector`."""

from collector import app
from collector.config import Config
from tenantry_common import runtime


def main() -> None:
    """Run the service; does not return."""
    runtime.run("collector", Config, app.main)


if __name__ == "__main__":
    main()

"""`python -m writer`, and the script `writer`."""

from tenantry_common import runtime
from writer import app
from writer.config import Config


def main() -> None:
    """Run the service; does not return."""
    runtime.run("writer", Config, app.main)


if __name__ == "__main__":
    main()

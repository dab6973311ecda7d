"""`python -m discovery`, and the script `discovery`."""

from discovery import app
from discovery.config import Config
from tenantry_common import runtime


def main() -> None:
    """Run the service; does not return."""
    runtime.run("discovery", Config, app.main)


if __name__ == "__main__":
    main()

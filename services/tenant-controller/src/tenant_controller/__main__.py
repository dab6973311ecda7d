"""`python -m tenant_controller`, and the script `tenant-controller`."""

from tenant_controller import app
from tenant_controller.config import Config
from tenantry_common import runtime


def main() -> None:
    """Run the service; does not return."""
    runtime.run("tenant-controller", Config, app.main)


if __name__ == "__main__":
    main()

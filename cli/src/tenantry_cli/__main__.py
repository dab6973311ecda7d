"""`python -m tenantry_cli` is the `tenantry` command."""

from tenantry_cli.main import app


def main() -> None:
    """Run the command."""
    app()


if __name__ == "__main__":
    main()

"""Write deploy/crds/metricaccess.yaml again, from the Structs of the tenant-controller."""

from pathlib import Path

import yaml

from tenant_controller import crd

FILE = Path(__file__).parents[1] / "deploy" / "crds" / "metricaccess.yaml"
HEAD = "# Written by scripts/crd.py from services/tenant-controller; change crd_notes.py instead.\n"


class _Writer(yaml.SafeDumper):
    """Writes everything out: a reader of a schema does not want to follow anchors."""

    def ignore_aliases(self, data: object) -> bool:
        """Never write an anchor."""
        return True


def text() -> str:
    """Return what the file is to hold."""
    body = yaml.dump(
        crd.definition(), Dumper=_Writer, sort_keys=False, width=100, allow_unicode=True
    )
    return HEAD + body


def main() -> None:
    """Write the file."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(text())


if __name__ == "__main__":
    main()

"""Make an API key: ``python -m query_gateway.new_key ID --tenant NAME…``.

Prints the entry for the file of keys on the standard output, and the key, which is nowhere else, on
the standard error.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import TextIO

import yaml

from tenantry_common import api_key


def main(
    argv: Sequence[str] | None = None, *, out: TextIO | None = None, err: TextIO | None = None
) -> int:
    """Make one key; return the exit code."""
    out, err = out or sys.stdout, err or sys.stderr
    parser = argparse.ArgumentParser(prog="python -m query_gateway.new_key", description=__doc__)
    parser.add_argument("id", help="names the key in the file and in the audit log")
    parser.add_argument("--tenant", action="append", required=True, help='"*" is every tenant')
    parser.add_argument("--expires", help="such as 2027-01-01T00:00:00Z")
    arguments = parser.parse_args(argv)
    try:
        text = api_key.new(arguments.id)
    except ValueError as error:
        err.write(f"{error}\n")
        return 2
    key = api_key.read(text)
    if key is None:
        raise AssertionError("a key that was just made can be read")
    entry = {"id": key.id, "hash": api_key.make(key.secret), "tenants": arguments.tenant}
    if arguments.expires:
        entry["expires"] = arguments.expires
    yaml.safe_dump([entry], out, sort_keys=False)
    err.write(f"{text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`tenantry keys`: the keys of receivers' tokens, the credentials that get them, and revocations."""

import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer
import yaml
from rich.console import Console
from rich.table import Table

from receiver.identity import rotation
from receiver.identity.keyring import NotAKeyring, StoredKey
from tenantry_cli.over_nats import NATS_URL, NatsUrl, fail, over_nats
from tenantry_common import api_key, bus, contracts, duration, kv, subjects

app = typer.Typer(no_args_is_help=True, help="Keys, credentials and revocations of receivers.")

PRIVATE, PUBLIC = "keys.json", "keys.public.json"

Folder = Annotated[
    Path, typer.Option("--dir", help=f"Folder of {PRIVATE} (a secret) and {PUBLIC}.")
]
Kind = Literal["key", "token", "credential", "cluster"]


@app.command()
def rotate(
    folder: Folder = Path(),
    lead: Annotated[
        str, typer.Option(help="How long every receiver may take to read the files.")
    ] = "5m",
    lifetime: Annotated[str, typer.Option(help="How long tokens are good.")] = "24h",
) -> None:
    """Make a new key, which signs after --lead; keys that no valid token was signed with go."""
    known = _read(folder)
    keys = rotation.rotated(
        known, int(time.time()), lead=_seconds(lead), lifetime=_seconds(lifetime)
    )
    _write(folder, keys)
    _show(keys)


@app.command(name="list")
def show(folder: Folder = Path()) -> None:
    """Show the keys, and which of them signs."""
    _show(_read(folder))


@app.command()
def issue(
    name: Annotated[str, typer.Argument(help="Names the credential in the file and in logs.")],
    tenant: Annotated[str, typer.Option(help="Namespace of the MetricAccess.")],
    job: Annotated[str, typer.Option(help="Name of the MetricAccess with spec.push.")],
    cluster: Annotated[list[str], typer.Option(help='Id of a cluster; "*" is every one.')],
    expires: Annotated[str, typer.Option(help="Such as 2027-01-01T00:00:00Z.")] = "",
) -> None:
    """Make a credential: its entry for the file on stdout; the credential itself on stderr, once."""
    try:
        text = api_key.new(name)
    except ValueError as error:
        fail(str(error))
    key = api_key.read(text)
    if key is None:
        raise AssertionError("a key that was just made can be read")
    entry: dict[str, object] = {
        "id": key.id,
        "hash": api_key.make(key.secret),
        "tenant": tenant,
        "job": job,
        "clusters": cluster,
    }
    if expires:
        entry["expires"] = expires
    typer.echo(yaml.safe_dump([entry], sort_keys=False), nl=False)
    typer.echo(text, err=True)


@app.command()
def revoke(
    kind: Annotated[Kind, typer.Argument(help="What is not to be believed any more.")],
    name: Annotated[
        str,
        typer.Argument(
            help="Its id: of a key, a token (`jti`), a credential; or TENANT/JOB/CLUSTER."
        ),
    ],
    folder: Folder = Path(),
    nats: NatsUrl = NATS_URL,
) -> None:
    """Revoke a token, a credential or a cluster on every receiver within seconds, or drop a key.

    A key is taken out of the files: what it has signed is worth nothing once they are read.
    """
    if kind == "key":
        _drop(folder, name)
        return
    if kind == "cluster" and name.count("/") < 2:
        fail(f"{name!r} is not TENANT/JOB/CLUSTER")
    revocation = contracts.Revocation(kind=kind, name=name, at_ms=int(time.time() * 1000))

    async def put(connection: bus.Bus) -> None:
        key = subjects.revocation_key(kind, name)
        await kv.put(connection, subjects.REVOCATIONS, key, contracts.encode(revocation))

    over_nats(nats, put)
    typer.echo(f"revoked {kind} {name}", err=True)


def _drop(folder: Path, kid: str) -> None:
    try:
        left = rotation.without(_read(folder), kid)
    except KeyError:
        fail(f"there is no key {kid} in {folder}")
    if not left:
        fail("that is the only key: rotate first")
    _write(folder, left)
    _show(left)


def _read(folder: Path) -> tuple[StoredKey, ...]:
    path = folder / PRIVATE
    try:
        return rotation.read(path.read_bytes()) if path.exists() else ()
    except (NotAKeyring, OSError) as error:
        _broken(path, error)


def _broken(path: Path, error: Exception) -> NoReturn:
    fail(f"{path}: {error}")


def _write(folder: Path, keys: tuple[StoredKey, ...]) -> None:
    """Replace both files, each in one step; the private one is for its owner only."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The public halves first: whoever verifies must not know fewer keys than who signs.
        _replace(folder / PUBLIC, rotation.public_document(keys), 0o644)
        _replace(folder / PRIVATE, rotation.private_document(keys), 0o600)
    except OSError as error:
        _broken(folder, error)


def _replace(path: Path, data: bytes, mode: int) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
    Path(temporary).replace(path)


def _show(keys: tuple[StoredKey, ...]) -> None:
    now = time.time()
    signing = max((key.signs_from for key in keys if key.signs_from <= now), default=None)
    table = Table("key", "signs from", "now")
    for key in sorted(keys, key=lambda key: key.signs_from):
        since = datetime.fromtimestamp(key.signs_from, UTC).isoformat(timespec="seconds")
        state = "verifies, signs later" if key.signs_from > now else "verifies"
        table.add_row(key.kid, since, "signs" if key.signs_from == signing else state)
    Console().print(table)


def _seconds(text: str) -> int:
    length = duration.milliseconds(text)
    if length is None or length < 0:
        fail(f"{text!r} is not a duration such as 5m or 24h")
    return length // 1000

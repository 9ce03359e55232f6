"""`stockledger keys`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated, Final

import typer
from rich.table import Column, Table

from application.access.audit import Origin
from application.access.key_management import Grant, Issued
from application.access.roles import ExtraPermission, Role
from application.server_clock import utc_now
from application.tables.access import ApiKey
from interface.cli.exit_codes import failures_explained
from interface.cli.options import Database, operator, settings_with
from interface.cli.terminal import console
from interface.composition import Services, compose

app = typer.Typer(no_args_is_help=True, help="Manage the API keys of devices and programs.")

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


def _duration(text: str | timedelta) -> timedelta:
    if isinstance(text, timedelta):
        return text
    match = re.fullmatch(r"([0-9]{1,6})([mhd])", text)
    if match is None:
        raise typer.BadParameter("use a number followed by m, h or d, for example 90d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


KeyId = Annotated[str, typer.Argument(help="The id that `keys list` shows.", metavar="KEY_ID")]


@app.command()
def create(
    name: Annotated[str, typer.Option(help="Name of the owner. Events name it as actor.")],
    role: Annotated[Role, typer.Option(help="Permissions of the key.")],
    location: Annotated[
        list[str] | None,
        typer.Option(help="A location of the key; can be repeated. Not for admin and auditor."),
    ] = None,
    expires: Annotated[
        timedelta | None,
        typer.Option(
            parser=_duration, help="Lifetime of the key, for example 90d.", metavar="DURATION"
        ),
    ] = None,
    may: Annotated[
        list[ExtraPermission] | None,
        typer.Option(help="A permission beyond those of the role. A device may get `count`."),
    ] = None,
    database: Database = None,
) -> None:
    """Create a key. The secret is printed once, to standard output, and is not stored."""
    settings = settings_with(database_url=database)
    with failures_explained(), compose(settings) as services:
        grant = Grant(
            name=name,
            role=role,
            locations=tuple(location or ()),
            lifetime=expires,
            extra=tuple(may or ()),
        )
        _show(services.keys.create(grant, _origin()))


@app.command("list")
def list_keys(database: Database = None) -> None:
    """List all keys, also revoked and expired ones, newest first."""
    with failures_explained(), _ledger(database) as services:
        keys = services.keys.all()
    table = Table(
        Column("key id", no_wrap=True, min_width=10),
        *("name", "role", "locations", "created", "by", "state"),
    )
    for key in keys:
        created = f"{key.created_at:%Y-%m-%d}"
        where = ", ".join(key.locations) or "all"
        role = " + ".join([key.role, *key.extra])
        table.add_row(key.key_id, key.name, role, where, created, key.created_by, _state(key))
    console.print(table)


@app.command()
def revoke(key_id: KeyId, database: Database = None) -> None:
    """Revoke a key now. Running servers refuse it within STOCKLEDGER_KEY_CACHE seconds."""
    with failures_explained(), _ledger(database) as services:
        key = services.keys.revoke(key_id, _origin())
    console.print(f"revoked: {key.key_id} ({key.name})")


@app.command()
def rotate(
    key_id: KeyId,
    grace: Annotated[
        timedelta,
        typer.Option(
            parser=_duration, help="How long the old key stays valid.", metavar="DURATION"
        ),
    ] = timedelta(days=1),
    database: Database = None,
) -> None:
    """Replace a key by a new one with the same name, role, locations and lifetime."""
    with failures_explained(), _ledger(database) as services:
        _show(services.keys.rotate(key_id, grace, _origin()))


@contextmanager
def _ledger(database: str | None) -> Iterator[Services]:
    """The services of an existing ledger: a mistyped URL must not create a new ledger."""
    with compose(settings_with(database_url=database), must_exist=True) as services:
        yield services


def _origin() -> Origin:
    return Origin(operator())


def _show(issued: Issued) -> None:
    """Prints only the secret to standard output, so that a script can capture it."""
    key = issued.key
    typer.echo(f"created: {key.key_id} ({key.name}, {key.role}). Shown only once:", err=True)
    typer.echo(issued.secret)


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d %H:%M}"
    if key.expires_at is None:
        return "valid"
    word = "valid until" if key.is_active(utc_now()) else "expired"
    return f"{word} {key.expires_at:%Y-%m-%d %H:%M}"

"""`stockledger audit`."""

from typing import Annotated

import typer

from application.access.audit import Action
from application.persistence.filters import AuditFilter
from application.tables.access import AuditEntry
from interface.cli.terminal import Database, console, failures_explained, settings_with
from interface.composition import compose


def audit(
    action: Annotated[Action | None, typer.Option(help="Only these.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only what this one did.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest.")] = 50,
    database: Database = None,
) -> None:
    """Show failed authentications, refused writes and changes of keys, the newest first."""
    wanted = AuditFilter(action=action, actor=actor)
    settings = settings_with(database_url=database)
    with failures_explained(), compose(settings, must_exist=True) as services:
        entries = services.audit.entries(wanted, before=None, limit=limit)
    for entry in entries:
        _show(entry)


def _show(entry: AuditEntry) -> None:
    """A line, whole, so that it can be searched for."""
    who = entry.actor or "nobody known"
    key = f" (key {entry.key_id})" if entry.key_id else ""
    where = f" from {entry.address}" if entry.address else ""
    time = f"{entry.recorded_at:%Y-%m-%dT%H:%M:%SZ}"
    console.print(
        f"{time} {entry.action} by {who}{key}{where}: {entry.detail}",
        soft_wrap=True,
    )

"""`stockledger audit`."""

from typing import Annotated

import typer

from application.access.audit import Action
from application.persistence.filters import AuditFilter
from application.tables.access import AuditEntry
from interface.cli.exit_codes import failures_explained
from interface.cli.options import Database, settings_with
from interface.cli.terminal import console
from interface.composition import compose


def audit(
    action: Annotated[
        Action | None, typer.Option(help="Show only entries with this action.")
    ] = None,
    actor: Annotated[str | None, typer.Option(help="Show only entries of this actor.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Number of entries.")] = 50,
    database: Database = None,
) -> None:
    """Show the audit trail: failed authentications, refused writes and key changes.

    The newest entry comes first.
    """
    wanted = AuditFilter(action=action, actor=actor)
    settings = settings_with(database_url=database)
    with failures_explained(), compose(settings, must_exist=True) as services:
        entries = services.audit.entries(wanted, before=None, limit=limit)
    for entry in entries:
        _show(entry)


def _show(entry: AuditEntry) -> None:
    """Prints one entry on one unwrapped line, so that grep works."""
    who = entry.actor or "unknown caller"
    key = f" (key {entry.key_id})" if entry.key_id else ""
    where = f" from {entry.address}" if entry.address else ""
    time = f"{entry.recorded_at:%Y-%m-%dT%H:%M:%SZ}"
    console.print(
        f"{time} {entry.action} by {who}{key}{where}: {entry.detail}",
        soft_wrap=True,
    )
